//! The twin against the runtime, gradients, and a short run on a toy data set.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::data::{Augmentation, Images, moments};
use crate::nets::{Architecture, NetSpec, Network, Path};
use crate::noise::NoiseSpec;
use crate::random::{Normals, Stream, stream};
use crate::testing::{Perturb, Toy};
use crate::train::checkpoint::State as FloatState;
use crate::train::{Decay, Metric, Place, Schedule, Settings, Split};
use burn::module::{Module, Param};
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use ringfence::compile::validate::{Images as Compared, validate, write_input};
use ringfence::compile::{Options, compile_quantised, samples::Sample};
use ringfence::data::Dataset;
use ringfence_runtime::{Backend, Executor, Model};
use std::collections::HashMap;

const SIGMA: f32 = 0.1;

fn spec() -> NetSpec {
    let [mean, deviation] = moments(&Images::read(&Toy, 0..24).unwrap());
    NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 8, 8],
        classes: Toy.classes().to_vec(),
        mean,
        deviation,
        noise: NoiseSpec::default(),
        mask: None,
    }
}

/// A network whose statistics and affine parameters are off their initial values, folded, with its levels.
fn start(spec: &NetSpec) -> (Folded, Vec<Levels>) {
    let random = Normals::new(stream(1, Stream::Weights));
    let net = Network::new(spec, &Device::flex(), 9).map(&mut Perturb(random));
    (fold(&net, &Device::flex()).unwrap(), measure(&net, spec, &Toy, f64::from(SIGMA), 24).unwrap())
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Logits of one noisy image by the runtime's scalar definition.
fn runtime(model: &Model<'_>, pixels: &[f32]) -> Vec<i32> {
    let executor = Executor::new(model, Backend::Scalar).unwrap();
    let (mut arena, mut logits) = (vec![0; model.arena_bytes(1)], vec![0; model.classes()]);
    let noisy = pixels.iter().map(|x| (x * 255.0).round() as i16).collect();
    write_input(&executor, &mut arena, &Sample { label: 0, noisy }).unwrap();
    executor.run(&mut arena, 1, &mut logits, |_, _, _| {}).unwrap();
    logits
}

#[test]
fn the_training_pass_gives_the_integers_of_the_compiled_file() {
    let spec = spec();
    let (net, levels) = start(&spec);
    let layers = round(&net, &levels).unwrap();
    let file = to_onnx(&layers, &levels, &spec, "toy").unwrap();
    let options = Options { tables: vec!["predict:32:0.01".parse().unwrap()], ..Options::new(SIGMA.into()) };
    let compiled = compile_quantised(&file, "toy", &options).unwrap();
    assert_eq!(compiled, compile_quantised(&file, "toy", &options).unwrap());
    let model = Model::parse(&compiled).unwrap();

    let images = Images::read(&Toy, 0..24).unwrap();
    let indices: Vec<u32> = (0..24).collect();
    let device = Device::flex().autodiff();
    let lifted = net.clone().train();
    for sigma in [0.0, SIGMA, 1.0] {
        let batch = images.evaluation(&indices, sigma, 5);
        let wanted: Vec<i32> =
            batch.pixels.chunks_exact(3 * 64).flat_map(|image| runtime(&model, image)).collect();
        let outputs = IntegerNet::new(&file).unwrap().run(&batch.pixels, &spec, true).unwrap();
        assert_eq!(outputs.logits, wanted);
        for path in [Path::Fused, Path::Stock] {
            let logits = forward(&lifted, &layers, &levels, &outputs, path).unwrap();
            assert_eq!((logits.dims(), logits.device()), ([24, 3], device.clone()));
            let integers = floats(logits.detach()).into_iter().map(|x| f64::from(x) / outputs.logit_scale);
            let wanted = wanted.iter().map(|r| f64::from(*r));
            assert!(integers.zip(wanted).all(|(x, r)| (x - r).abs() < 1e-3));
        }
    }
}

#[test]
fn the_compiled_file_follows_the_exported_one_and_the_float_network() {
    let spec = spec();
    let (net, levels) = start(&spec);
    let file = to_onnx(&round(&net, &levels).unwrap(), &levels, &spec, "toy").unwrap();
    let options = Options { tables: vec![], ..Options::new(SIGMA.into()) };
    let compiled = compile_quantised(&file, "toy", &options).unwrap();
    let model = Model::parse(&compiled).unwrap();
    let images = Compared { max: 24, noisy: true, seed: 3 };
    let report = validate(&model, &file, &Toy, images, &|_, _| {}).unwrap();
    for layer in &report.layers {
        assert!(layer.snr_db.unwrap_or(f64::INFINITY) > 25.0, "{layer:?}");
    }
    // The float network, whose batch norms are not folded, is close too.
    let pixels = Images::read(&Toy, 0..24).unwrap().evaluation(&[0, 1, 2, 3], SIGMA, 5).pixels;
    let image = Tensor::from_data(TensorData::new(pixels.clone(), [4, 3, 8, 8]), &Device::flex());
    let float = floats(plain(&net, &spec, image));
    let outputs = IntegerNet::new(&file).unwrap().run(&pixels, &spec, false).unwrap();
    let scale = float.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    for (r, x) in outputs.logits.iter().zip(&float) {
        let real = (f64::from(*r) * outputs.logit_scale) as f32;
        assert!((real - x).abs() < 0.1 * scale, "{real} {x}");
    }
}

/// The folded network in floats, each activation passed through `hook` under its name.
fn walk(net: &Folded, input: Tensor<4>, mut hook: impl FnMut(&str, Tensor<4>) -> Tensor<4>) -> Tensor<2> {
    let conv = |layer: &Layer, x| {
        let [_, _, side, _] = layer.weight.shape().dims();
        let options = ConvOptions::new([layer.stride; 2], [side / 2; 2], [1; 2], 1);
        conv2d(x, layer.weight.val(), Some(layer.bias.val()), options)
    };
    let mut x = hook("stem", conv(&net.stem, input));
    for (i, block) in net.blocks.iter().enumerate() {
        let h = hook(&format!("block{i}.first"), conv(&block.first, x.clone()));
        let h = conv(&block.second, h);
        let sum = match &block.shortcut {
            None => h + x,
            Some(layer) => hook(&format!("block{i}.second"), h) + conv(layer, x),
        };
        x = hook(&format!("block{i}"), sum);
    }
    let logits = conv(&net.head, hook("pool", x.mean_dim(2).mean_dim(3)));
    let [n, classes, _, _] = logits.dims();
    logits.reshape([n, classes])
}

/// The folded network in plain floats.
fn plain(net: &Folded, spec: &NetSpec, images: Tensor<4>) -> Tensor<2> {
    let device = images.device();
    let channels = |values: &[f32]| Tensor::<1>::from_data(values, &device).reshape([1, 3, 1, 1]);
    let input = (images - channels(&spec.mean)) / channels(&spec.deviation);
    let linear = |name: &str| name == "pool" || name.ends_with(".second");
    walk(net, input, |name, x| if linear(name) { x } else { x.clamp_min(0.0) })
}

/// What gradients are taken of: a sum of the logits with weights of both signs.
fn objective(logits: Tensor<2>) -> Tensor<1> {
    let [n, classes] = logits.dims();
    let direction: Vec<f32> = (0..n * classes).map(|i| (i as f32 * 1.7).sin()).collect();
    (logits.clone() * Tensor::from_data(TensorData::new(direction, [n, classes]), &logits.device())).sum()
}

/// Layers with the rounded weights and biases, those of layer `moved` changed by `step` times a direction.
fn rounded_net(net: &Folded, layers: &[Rounded], moved: &str, direction: [&[f32]; 2], step: f32) -> Folded {
    let layer = |name: &str, layer: &Layer| {
        let rounded = layers.iter().find(|layer| layer.name == name).unwrap();
        let (mut w, mut b) = (rounded.real_weight(), rounded.real_bias());
        if name == moved {
            w.iter_mut().zip(direction[0]).for_each(|(w, d)| *w += step * d);
            b.iter_mut().zip(direction[1]).for_each(|(b, d)| *b += step * d);
        }
        let device = Device::flex();
        Layer {
            weight: Param::from_tensor(Tensor::from_data(TensorData::new(w, rounded.dims), &device)),
            bias: Param::from_tensor(Tensor::from_data(TensorData::new(b, [rounded.dims[0]]), &device)),
            stride: layer.stride,
        }
    };
    let block = |(i, block): (usize, &Block)| Block {
        first: layer(&format!("block{i}.first"), &block.first),
        second: layer(&format!("block{i}.second"), &block.second),
        shortcut: block.shortcut.as_ref().map(|shortcut| layer(&format!("block{i}.shortcut"), shortcut)),
    };
    Folded {
        stem: layer("stem", &net.stem),
        blocks: net.blocks.iter().enumerate().map(block).collect(),
        head: layer("head", &net.head),
    }
}

/// Finite differences of the network whose activations are clipped and then moved by what rounding moved them in the
/// runtime's pass: the function whose gradient the straight-through gradient is.
#[test]
fn gradients_are_finite_differences_with_the_rounding_held() {
    let spec = spec();
    let (net, levels) = start(&spec);
    let layers = round(&net, &levels).unwrap();
    let integer = IntegerNet::new(&to_onnx(&layers, &levels, &spec, "").unwrap()).unwrap();
    let pixels = Images::read(&Toy, 0..24).unwrap().evaluation(&[0, 1, 2, 3, 4, 5], 0.0, 5).pixels;
    let outputs = integer.run(&pixels, &spec, true).unwrap();
    let value = |name: &str| outputs.activation(name, Path::Stock, &Device::flex()).unwrap();
    let clip = |name: &str, x: Tensor<4>| {
        let (lo, hi) = find(&levels, name).unwrap().range();
        x.clamp(lo, hi)
    };
    let mut offsets = HashMap::new();
    walk(&rounded_net(&net, &layers, "", [&[]; 2], 0.0), value("input"), |name, x| {
        offsets.insert(name.to_owned(), value(name) - clip(name, x));
        value(name)
    });
    let measure = |moved: &str, direction: [&[f32]; 2], step: f32| {
        let net = rounded_net(&net, &layers, moved, direction, step);
        let logits = walk(&net, value("input"), |name, x| clip(name, x) + offsets[name].clone());
        f64::from(objective(logits).into_scalar::<f32>())
    };

    let lifted = net.clone().train();
    let gradients = [Path::Fused, Path::Stock]
        .map(|path| objective(forward(&lifted, &layers, &levels, &outputs, path).unwrap()).backward());
    for site in lifted.sites() {
        for grads in &gradients {
            let weight = floats(site.layer.weight.val().grad(grads).unwrap());
            let bias = floats(site.layer.bias.val().grad(grads).unwrap());
            // Along the gradient the slope is its length.
            let squares = weight.iter().chain(&bias).map(|g| f64::from(*g).powi(2)).sum::<f64>();
            let step = 0.002 / squares.sqrt() as f32;
            let [up, down] = [step, -step].map(|step| measure(&site.name, [&weight, &bias], step));
            let slope = (up - down) / 0.004;
            assert!((slope / squares.sqrt() - 1.0).abs() < 0.03, "{}: {slope} {}", site.name, squares.sqrt());
        }
    }
}

#[test]
fn gradients_end_where_values_are_clipped() {
    let device = Device::flex().autodiff();
    let x = Tensor::<1>::from_data([-0.5f32, 0.2, 0.9, 1.5], &device).require_grad();
    let rounded = Tensor::<1>::from_data([0.0f32, 0.25, 1.0, 1.0], &device);
    let y = twin::through(x.clone().clamp(0.0, 1.0), rounded);
    assert_eq!(floats(y.clone().detach()), [0.0, 0.25, 1.0, 1.0]);
    let grads = (y * Tensor::from_data([1.0f32, 2.0, 3.0, 4.0], &device)).sum().backward();
    assert_eq!(floats(x.grad(&grads).unwrap()), [0.0, 2.0, 3.0, 0.0]);
}

fn settings() -> Settings {
    Settings {
        validation: 6,
        augmentation: Augmentation { crop: 0, flip: false, sigma: SIGMA },
        batch: 6,
        schedule: Schedule { rate: 0.01, warmup: 0.0, epochs: 8, decay: Decay::Cosine },
        weight_decay: 0.0,
        seed: 3,
        ..Settings::usual("toy", 8)
    }
}

#[test]
fn a_short_run_lowers_the_loss_and_comes_back_from_its_file() {
    let (spec, settings) = (spec(), settings());
    let [train, validation] = [0..18, 18..24].map(|range| Images::read(&Toy, range).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (net, levels) = start(&spec);
    let float = FloatState { epoch: 1, step: 1, ..FloatState::new(&spec, &settings) };
    let before = evaluate(&net, &levels, &spec, &train, SIGMA, 7).unwrap();
    let start = || Start { float: float.clone(), net: net.clone(), levels: levels.clone() };
    let device = Device::flex();
    let place = Place::new(folder.path(), &device, Path::Fused);
    let split = Split { train: &train, validation: &validation };
    let state = fine_tune(start(), &settings, split, place).unwrap();
    assert_eq!((state.epoch, state.step, state.validation.is_some()), (8, 24, true));
    let (read, tuned) = checkpoint::load(folder.path(), &Device::flex()).unwrap();
    assert_eq!(read, state);
    let after = evaluate(&tuned, &levels, &spec, &train, SIGMA, 7).unwrap();
    assert!(after.loss < 0.7 * before.loss, "{before:?} {after:?}");
    let text = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let lines: Vec<Metric> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| matches!(line, Metric::Validation { .. })).count(), 9);
    let again = fine_tune(start(), &settings, split, place).unwrap_err().to_string();
    assert!(again.contains("already there"), "{again}");
}
