//! The twin against the runtime, gradients, and a short run on a toy data set.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::data::{Augmentation, Images, moments};
use crate::nets::{Architecture, NetSpec, Network, Path, ResNet};
use crate::random::{Normals, Stream, stream};
use crate::testing::{Toy, perturb};
use crate::train::checkpoint::State as FloatState;
use crate::train::{Decay, Metric, Place, Schedule, Settings, Split};
use burn::module::Module;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};
use ringfence::compile::validate::{Images as Compared, validate, write_input};
use ringfence::compile::{Options, compile_quantised, samples::Sample};
use ringfence::data::Dataset;
use ringfence_runtime::{Backend, Executor, Model};

const SIGMA: f32 = 0.1;

fn spec() -> NetSpec {
    let [mean, deviation] = moments(&Images::read(&Toy, 0..24).unwrap());
    NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 8, 8],
        classes: Toy.classes().to_vec(),
        mean,
        deviation,
    }
}

/// A network whose statistics and affine parameters are off their initial values, folded, with its levels.
fn start(spec: &NetSpec) -> (Folded, Vec<Levels>) {
    let mut net = ResNet::new(spec, &Device::flex(), 9);
    let mut random = Normals::new(stream(1, Stream::Weights));
    perturb(&mut net, &mut random);
    let net = Network::ResNet(net);
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

/// The folded network in plain floats.
fn plain(net: &Folded, spec: &NetSpec, images: Tensor<4>) -> Tensor<2> {
    let device = images.device();
    let channels = |values: &[f32]| Tensor::<1>::from_data(values, &device).reshape([1, 3, 1, 1]);
    let conv = |layer: &Layer, x| {
        let [_, _, side, _] = layer.weight.shape().dims();
        let options = ConvOptions::new([layer.stride; 2], [side / 2; 2], [1; 2], 1);
        conv2d(x, layer.weight.val(), Some(layer.bias.val()), options)
    };
    let x = (images - channels(&spec.mean)) / channels(&spec.deviation);
    let mut x = conv(&net.stem, x).clamp_min(0.0);
    for block in &net.blocks {
        let h = conv(&block.first, x.clone()).clamp_min(0.0);
        let shortcut = block.shortcut.as_ref().map_or_else(|| x.clone(), |layer| conv(layer, x.clone()));
        x = (conv(&block.second, h) + shortcut).clamp_min(0.0);
    }
    let logits = conv(&net.head, x.mean_dim(2).mean_dim(3));
    let [n, classes, _, _] = logits.dims();
    logits.reshape([n, classes])
}

/// Gradients of all weights and biases of `sum(logits * direction)`.
fn gradients(net: &Folded, logits: Tensor<2>) -> Vec<Vec<f32>> {
    let [n, classes] = logits.dims();
    let direction: Vec<f32> = (0..n * classes).map(|i| (i as f32 * 1.7).sin()).collect();
    let direction = Tensor::from_data(TensorData::new(direction, [n, classes]), &logits.device());
    let grads = (logits * direction).sum().backward();
    let sites = net.sites();
    let both = sites.iter().flat_map(|site| {
        let weight = floats(site.layer.weight.val().grad(&grads).unwrap());
        [weight, floats(site.layer.bias.val().grad(&grads).unwrap())]
    });
    both.collect()
}

#[test]
fn gradients_are_those_of_the_float_network() {
    let spec = spec();
    let (net, levels) = start(&spec);
    let layers = round(&net, &levels).unwrap();
    let integer = IntegerNet::new(&to_onnx(&layers, &levels, &spec, "").unwrap()).unwrap();
    let pixels = Images::read(&Toy, 0..24).unwrap().evaluation(&[0, 1, 2, 3, 4, 5], 0.0, 5).pixels;
    let outputs = integer.run(&pixels, &spec, true).unwrap();
    let device = Device::flex().autodiff();
    let net = net.train();
    let images = Tensor::from_data(TensorData::new(pixels, [6, 3, 8, 8]), &device);
    let wanted = gradients(&net, plain(&net, &spec, images));
    let [fused, stock] = [Path::Fused, Path::Stock]
        .map(|path| gradients(&net, forward(&net, &layers, &levels, &outputs, path).unwrap()));
    // Levels move a few values across the ReLU; the two paths do the same but for rounding.
    for (index, ((fused, stock), wanted)) in fused.iter().zip(&stock).zip(&wanted).enumerate() {
        assert!(alike(fused, wanted) > 0.6, "{index}: {}", alike(fused, wanted));
        assert!(alike(fused, stock) > 0.9999, "{index}: {}", alike(fused, stock));
    }
}

/// One less the length of the difference, as a part of the longer of both.
fn alike(a: &[f32], b: &[f32]) -> f64 {
    let square = |values: &[f32]| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
    let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    1.0 - (square(&difference) / square(a).max(square(b))).sqrt()
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
        data: Toy.spec(),
        validation: 6,
        augmentation: Augmentation { crop: 0, flip: false, sigma: SIGMA },
        batch: 6,
        schedule: Schedule { rate: 0.01, warmup: 0.0, epochs: 8, decay: Decay::Cosine },
        momentum: 0.9,
        weight_decay: 0.0,
        seed: 3,
    }
}

#[test]
fn a_short_run_lowers_the_loss_and_comes_back_from_its_file() {
    let (spec, settings) = (spec(), settings());
    let [train, validation] = [0..18, 18..24].map(|range| Images::read(&Toy, range).unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (net, levels) = start(&spec);
    let schema = FloatState::SCHEMA.into();
    let float = FloatState {
        schema,
        net: spec.clone(),
        settings: settings.clone(),
        epoch: 1,
        step: 1,
        seconds: 0.0,
        validation: None,
    };
    let before = evaluate(&net, &levels, &spec, &train, SIGMA, 7).unwrap();
    let start = || Start { float: float.clone(), net: net.clone(), levels: levels.clone() };
    let place = Place { out: folder.path(), device: &Device::flex(), path: Path::Fused, progress: false };
    let split = Split { train: &train, validation: &validation };
    let state = fine_tune(start(), &settings, split, place).unwrap();
    assert_eq!((state.epoch, state.step, state.validation.is_some()), (8, 24, true));
    let (read, tuned) = checkpoint::load(folder.path(), &Device::flex()).unwrap();
    assert_eq!(read, state);
    let after = evaluate(&tuned, &levels, &spec, &train, SIGMA, 7).unwrap();
    assert!(after.loss < 0.7 * before.loss, "{before:?} {after:?}");
    let text = std::fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let lines: Vec<Metric> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.iter().filter(|line| matches!(line, Metric::Validation { .. })).count(), 8);
    let again = fine_tune(start(), &settings, split, place).unwrap_err().to_string();
    assert!(again.contains("already there"), "{again}");
}
