//! The integer model against tract, and the comparison itself.

use ringfence_runtime::{Backend, Executor, Model};

use super::super::samples::{NoiseBytes, NoiseSource};
use super::super::validate::{Images, validate};
use super::super::{ActivationBits, CompileError, Options, compile, samples};
use super::Pictures;
use crate::data::Dataset;
use crate::onnx::testing::{Builder, random_network, random_unet};
use crate::onnx::{FloatModel, parse};

fn options(sigma: f64) -> Options {
    Options { images: 100, tables: vec!["predict:32:0.01".parse().unwrap()], ..Options::new(sigma) }
}

fn classes(file: &[u8]) -> usize {
    let graph = parse(file).unwrap();
    graph.nodes[graph.output].shape.channels()
}

/// Every activation of random networks, in every spelling and with every kind of fusion, follows the float network.
#[test]
fn every_layer_follows_the_float_network() {
    let kinds = [
        (random_network as fn(u64) -> (Vec<u8>, [usize; 3]), 60, ActivationBits::Eight, 22.0),
        (random_network, 30, ActivationBits::Seven, 16.0),
        (random_unet, 30, ActivationBits::Eight, 20.0),
        (random_unet, 15, ActivationBits::Seven, 14.0),
    ];
    let cases = kinds
        .into_iter()
        .flat_map(|(make, seeds, bits, least)| (0..seeds).map(move |seed| (seed, make(seed), bits, least)));
    for (seed, (file, shape), activation_bits, least) in cases {
        let data = Pictures::new(shape, classes(&file));
        let options = Options { activation_bits, ..options(0.25) };
        let compiled = compile(&file, "random", &data, &options).unwrap();
        let model = Model::parse(&compiled).unwrap();
        assert!(model.tensors().all(|tensor| tensor.top == activation_bits.top()));
        let images = Images { max: 20, noisy: seed % 2 == 0, seed: 9 };
        let report = validate(&model, &file, &data, images, &|_, _| {}).unwrap();
        for layer in &report.layers {
            let snr = layer.snr_db.unwrap_or(f64::INFINITY);
            assert!(snr > least, "seed {seed}, layer {} ({}): {snr} dB", layer.layer, layer.value);
        }
    }
}

/// A dense layer on a flattened map reads channels, rows and columns in the order the float network has them.
#[test]
fn flattened_maps_are_permuted() {
    let shape = [3, 2, 2];
    for (channel, row, column) in [(0, 0, 1), (1, 1, 0), (2, 0, 0), (2, 1, 1)] {
        let mut weight = vec![0.0f32; 24];
        weight[2 * ((channel * 2 + row) * 2 + column)] = 1.0;
        let mut b = Builder::new(shape);
        let x = b.node("Flatten", &["x"], vec![]);
        let w = b.weights(&[12, 2], &weight);
        let y = b.node("MatMul", &[&x, &w], vec![]);
        let file = compile(&b.finish(&y), "", &Pictures::new(shape, 2), &options(0.1)).unwrap();
        let model = Model::parse(&file).unwrap();
        let executor = Executor::new(&model, Backend::Scalar).unwrap();
        let mut arena = vec![0; model.arena_bytes(1)];
        let mut logits = [0; 2];
        for lit in 0..12 {
            let mut writer = executor.write_input(&mut arena, 0).unwrap();
            for row in 0..6 {
                let pixels = [0, 1].map(|x| if row * 2 + x == lit { 255 } else { 0 });
                writer.row(row / 2, row % 2, &pixels);
            }
            executor.run(&mut arena, 1, &mut logits, |_, _, _| {}).unwrap();
            assert_eq!(logits[0] > logits[1], lit == (channel * 2 + row) * 2 + column, "{lit}");
        }
    }
}

/// A network that normalises itself, and the same without its normalisation but told of it, are the same integers.
#[test]
fn normalisation_by_options_equals_normalisation_by_nodes() {
    let build = |normalise: bool| {
        let mut b = Builder::new([3, 5, 5]);
        let mut x = "x".to_owned();
        if normalise {
            let mean = b.weights(&[1, 3, 1, 1], &[0.5, 0.25, 0.375]);
            let std = b.weights(&[1, 3, 1, 1], &[0.25, 0.5, 0.125]);
            x = b.node("Sub", &[&x, &mean], vec![]);
            x = b.node("Div", &[&x, &std], vec![]);
        }
        let w = b.weights(
            &[4, 3, 3, 3],
            &(0..108).map(|i| ((i * 31 % 17) as f32 - 8.0) / 20.0).collect::<Vec<_>>(),
        );
        let x = b.node("Conv", &[&x, &w], vec![crate::onnx::testing::ints("pads", &[1; 4])]);
        let x = b.node("Relu", &[&x], vec![]);
        let x = b.node("GlobalAveragePool", &[&x], vec![]);
        let x = b.node("Flatten", &[&x], vec![]);
        let w = b.weights(&[4, 3], &(0..12).map(|i| (i * 5 % 7) as f32 - 3.0).collect::<Vec<_>>());
        let y = b.node("MatMul", &[&x, &w], vec![]);
        b.finish(&y)
    };
    let data = Pictures::new([3, 5, 5], 3);
    let told = Options { mean: vec![0.5, 0.25, 0.375], std: vec![0.25, 0.5, 0.125], ..options(0.25) };
    let by_options = compile(&build(false), "", &data, &told).unwrap();
    let by_nodes = compile(&build(true), "", &data, &options(0.25)).unwrap();
    let (a, b) = (Model::parse(&by_options).unwrap(), Model::parse(&by_nodes).unwrap());
    assert_eq!(a.input(), b.input());
    assert_eq!(a.tensors().collect::<Vec<_>>(), b.tensors().collect::<Vec<_>>());
    assert_eq!(format!("{:?}", a.ops().collect::<Vec<_>>()), format!("{:?}", b.ops().collect::<Vec<_>>()));
}

/// `validate` reports what running both models by hand shows.
#[test]
fn validation_counts_agreement_and_accuracy() {
    let (file, shape) = random_network(5);
    let data = Pictures::new(shape, classes(&file));
    let compiled = compile(&file, "", &data, &options(0.25)).unwrap();
    let model = Model::parse(&compiled).unwrap();
    let report =
        validate(&model, &file, &data, Images { max: 10, noisy: false, seed: 0 }, &|_, _| {}).unwrap();

    let graph = parse(&file).unwrap();
    let float = FloatModel::new(&file, &graph, &[&graph.nodes[graph.output].value]).unwrap();
    let executor = Executor::new(&model, Backend::Scalar).unwrap();
    let (mut arena, mut logits) = (vec![0; model.arena_bytes(1)], vec![0; model.classes()]);
    let (mut same, mut float_right, mut integer_right) = (0, 0, 0);
    for index in (0..10).map(|i| i * 10) {
        let sample = samples::sample(&data, index, None).unwrap();
        let mut chw = vec![0; data.shape().bytes()];
        assert_eq!(data.read(index, &mut chw).unwrap(), sample.label);
        assert!(chw.iter().zip(&sample.noisy).all(|(a, b)| i16::from(*a) == *b));
        let image: Vec<f32> = chw.iter().map(|pixel| f32::from(*pixel) / 255.0).collect();
        let wanted = float.run(&image).unwrap().remove(0);
        let best = (0..wanted.len()).rev().max_by(|a, b| wanted[*a].total_cmp(&wanted[*b])).unwrap();
        super::super::validate::write_input(&executor, &mut arena, &sample).unwrap();
        executor.run(&mut arena, 1, &mut logits, |_, _, _| {}).unwrap();
        let got = (0..logits.len()).rev().max_by_key(|class| logits[*class]).unwrap();
        same += usize::from(got == best);
        float_right += usize::from(best == sample.label);
        integer_right += usize::from(got == sample.label);
    }
    assert_eq!(report.images, 10);
    assert_eq!(report.agreement, same as f64 / 10.0);
    assert_eq!(report.float_accuracy, float_right as f64 / 10.0);
    assert_eq!(report.integer_accuracy, integer_right as f64 / 10.0);
}

#[test]
fn validation_wants_the_file_the_model_came_from() {
    let (file, shape) = random_network(5);
    let data = Pictures::new(shape, classes(&file));
    let compiled = compile(&file, "", &data, &options(0.25)).unwrap();
    let model = Model::parse(&compiled).unwrap();
    let images = Images { max: 1, noisy: false, seed: 0 };
    let other = random_network(6).0;
    let error = validate(&model, &other, &data, images, &|_, _| {}).unwrap_err();
    assert!(matches!(&error, CompileError::Mismatch(text) if text.contains("another ONNX file")), "{error}");
    let error = validate(&model, &file, &Pictures::new([4, 3, 3], 2), images, &|_, _| {}).unwrap_err();
    assert!(error.to_string().contains("4x3x3"), "{error}");
}

#[test]
fn noise_has_the_deviation_asked_for_and_its_own_stream_per_image() {
    let data = Pictures::new([3, 32, 32], 2);
    let table = crate::noise::generate(0.25, 3072).unwrap();
    let bytes = NoiseBytes::new(&table);
    let draw =
        |index| samples::sample(&data, index, Some(NoiseSource { table: bytes.view(), seed: 1 })).unwrap();
    assert_eq!(draw(0), draw(0));
    let noise = |index| -> Vec<f64> {
        let clean = samples::sample(&data, index, None).unwrap();
        draw(index).noisy.iter().zip(clean.noisy).map(|(noisy, pixel)| f64::from(noisy - pixel)).collect()
    };
    let (a, b) = (noise(0), noise(1));
    let power = |noise: &[f64]| (noise.iter().map(|x| x * x).sum::<f64>() / noise.len() as f64).sqrt();
    assert!((power(&a) - 63.75).abs() < 3.0, "{}", power(&a));
    let product: f64 = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>() / a.len() as f64;
    assert!((product / power(&a) / power(&b)).abs() < 0.07);
    let samples = samples::draw(&data, 7, None).unwrap();
    assert_eq!(samples[3], samples::sample(&data, 42, None).unwrap());
}
