//! Files that give levels and integer weights.

use ringfence_runtime::Model;
use tract_onnx::pb::tensor_proto::DataType;

use super::super::meta::Meta;
use super::super::validate::{Images, validate};
use super::super::{ActivationBits, CompileError, Options, compile, compile_quantised, fold, lower};
use super::Pictures;
use crate::onnx::testing::{Builder, int, ints};
use crate::onnx::{Affine, Op, parse};

const SHAPE: [usize; 3] = [3, 6, 6];

fn options() -> Options {
    Options { images: 50, tables: vec!["predict:32:0.01".parse().unwrap()], ..Options::new(0.1) }
}

fn integers(count: usize, seed: usize) -> Vec<i32> {
    (0..count).map(|i| ((i * 7919 + seed * 104_729) % 255) as i32 - 127).collect()
}

fn scales(count: usize, base: f32) -> Vec<f32> {
    (0..count).map(|i| base * (1.0 + i as f32 / 7.0)).collect()
}

/// A convolution of INT8 weights and INT32 biases, as ONNX Runtime writes it. `input` is the scale of `x`.
fn conv(b: &mut Builder, x: &str, input: f32, [outputs, inputs, side]: [usize; 3], unit: f32) -> String {
    let units = scales(outputs, unit);
    let dims = [outputs, inputs, side, side];
    let weight = b.integer_weights(&dims, &integers(dims.iter().product(), outputs + side), &units, 0);
    let bias = b.typed(DataType::Int32, &[outputs], &integers(outputs, 5));
    let unit = b.weights(&[outputs], &units.iter().map(|unit| unit * input).collect::<Vec<_>>());
    let bias = b.node("DequantizeLinear", &[&bias, &unit], vec![int("axis", 0)]);
    b.node("Conv", &[x, &weight, &bias], vec![ints("pads", &[(side / 2) as i64; 4])])
}

/// Two convolutions, the second with a residual, and a head; the levels of the second and of the pool can be left out.
fn network(residual_levels: bool, pool_levels: bool) -> Vec<u8> {
    let mut b = Builder::new(SHAPE);
    let x = b.levels("x", 1.8 / 255.0, 51);
    let y = conv(&mut b, &x, 1.8 / 255.0, [8, 3, 3], 0.004);
    let y = b.node("Relu", &[&y], vec![]);
    let y = b.levels(&y, 0.01, 0);
    let z = conv(&mut b, &y, 0.01, [8, 8, 3], 0.001);
    let z = b.node("Add", &[&z, &y], vec![]);
    let z = b.node("Relu", &[&z], vec![]);
    let z = if residual_levels { b.levels(&z, 0.015, 0) } else { z };
    let p = b.node("GlobalAveragePool", &[&z], vec![]);
    let p = if pool_levels { b.levels(&p, 0.008, 0) } else { p };
    let p = b.node("Flatten", &[&p], vec![]);
    let w = b.integer_weights(&[8, 4], &integers(32, 9), &scales(4, 0.01), 1);
    let y = b.node("Gemm", &[&p, &w], vec![]);
    b.finish(&y)
}

#[test]
fn a_quantised_file_compiles_without_images_to_the_same_bytes() {
    let file = network(true, true);
    let bytes = compile_quantised(&file, "net", &options()).unwrap();
    assert_eq!(bytes, compile_quantised(&file, "net", &options()).unwrap());
    let model = Model::parse(&bytes).unwrap();
    assert_eq!(model.class_name(2), Some("2"));
    let meta = Meta::of(&model).unwrap();
    assert_eq!((meta.calibration.images, meta.calibration.data.as_str()), (0, ""));
    let levels: Vec<(f32, u8)> =
        meta.tensors.iter().map(|tensor| (tensor.scale as f32, tensor.zero_point)).collect();
    assert_eq!(levels, [(1.8 / 255.0, 51), (0.01, 0), (0.015, 0), (0.008, 0)]);
    // With images there is nothing left to calibrate either: only the names of the classes differ.
    let data = Pictures::new(SHAPE, 4);
    let named = Options { classes: ["0", "1", "2", "3"].map(String::from).to_vec(), ..options() };
    assert_eq!(bytes, compile(&file, "net", &data, &named).unwrap());
}

/// tract rounds to the levels of the file as the integers do, and weights and biases of the file are taken as they are.
#[test]
fn the_integers_follow_the_quantised_network() {
    let file = network(true, true);
    let bytes = compile_quantised(&file, "net", &options()).unwrap();
    let model = Model::parse(&bytes).unwrap();
    let images = Images { max: 20, noisy: true, seed: 9 };
    let report = validate(&model, &file, &Pictures::new(SHAPE, 4), images, &|_, _| {}).unwrap();
    for layer in &report.layers {
        assert!(layer.snr_db.unwrap_or(f64::INFINITY) > 35.0, "{layer:?}");
    }
    let graph = fold::fold(&parse(&file).unwrap(), Affine::identity(3)).unwrap().graph;
    let network = lower::lower(&graph).unwrap();
    let scale = super::super::scale::Scale::given(network.tensors[0].levels.unwrap());
    let input = super::super::input::input_scale(&Affine::identity(3), scale).unwrap();
    let integer = super::super::quantise::quantise(&network, &input, None).unwrap();
    let super::super::quantise::IntegerKind::Conv { filter, .. } = &integer.layers[0] else { panic!() };
    let wanted = integers(8 * 27, 11);
    for ((out, row, column, channel), q) in filter.weight.indexed_iter() {
        assert_eq!(i32::from(*q), wanted[((out * 3 + channel) * 3 + row) * 3 + column]);
    }
    for (out, bias) in filter.bias.iter().enumerate() {
        let sum: i32 = wanted[out * 27..][..27].iter().sum();
        assert_eq!(*bias, integers(8, 5)[out] - 51 * sum + filter.requant[out].rounding());
    }
}

#[test]
fn what_lacks_levels_is_named_or_calibrated() {
    for (file, layer) in [(network(false, true), "n10"), (network(true, false), "n15")] {
        let error = compile_quantised(&file, "", &options()).unwrap_err();
        assert!(matches!(&error, CompileError::Levels { layer: found, .. } if found == layer), "{error}");
        let data = Pictures::new(SHAPE, 4);
        let bytes = compile(&file, "", &data, &options()).unwrap();
        let model = Model::parse(&bytes).unwrap();
        let meta = Meta::of(&model).unwrap();
        assert_eq!((meta.calibration.images, meta.tensors[1].scale as f32), (50, 0.01));
        let images = Images { max: 20, noisy: true, seed: 9 };
        let report = validate(&model, &file, &data, images, &|_, _| {}).unwrap();
        assert!(report.layers.iter().all(|layer| layer.snr_db.unwrap_or(f64::INFINITY) > 25.0), "{report:?}");
    }
}

#[test]
fn seven_bits_and_given_levels_contradict_each_other() {
    let seven = Options { activation_bits: ActivationBits::Seven, ..options() };
    let error = compile_quantised(&network(true, true), "", &seven).unwrap_err().to_string();
    assert!(error.starts_with("--activation-bits: 7"), "{error}");
}

/// A maximum cannot change levels; a value that is given others twice is brought to them by a layer of its own.
#[test]
fn levels_that_change_between_layers() {
    let build = |scale: f32, pool: bool| {
        let mut b = Builder::new(SHAPE);
        let x = b.levels("x", 1.8 / 255.0, 51);
        let y = conv(&mut b, &x, 1.8 / 255.0, [8, 3, 3], 0.004);
        let y = b.levels(&y, 0.02, 128);
        let y = if pool {
            b.node("MaxPool", &[&y], vec![ints("kernel_shape", &[2; 2]), ints("strides", &[2; 2])])
        } else {
            y
        };
        let y = b.levels(&y, scale, 128);
        let y = b.node("Flatten", &[&y], vec![]);
        let features = if pool { 72 } else { 288 };
        let w = b.integer_weights(&[features, 4], &integers(features * 4, 9), &[0.01], 1);
        let y = b.node("MatMul", &[&y, &w], vec![]);
        let y = b.levels(&y, 0.5, 128);
        b.finish(&y)
    };
    let layers = |file: &[u8]| {
        let bytes = compile_quantised(file, "", &options()).unwrap();
        let model = Model::parse(&bytes).unwrap();
        let meta = Meta::of(&model).unwrap();
        (meta.layers.len(), meta.logits.scale)
    };
    assert_eq!(layers(&build(0.02, false)), (2, 0.5 * 128.0 / 4096.0));
    assert_eq!(layers(&build(0.03, false)).0, 3);
    assert_eq!(layers(&build(0.02, true)).0, 3);
    let error = compile_quantised(&build(0.03, true), "", &options()).unwrap_err().to_string();
    assert!(
        error.contains("n7: its result has scale 0.03") && error.contains("expected scale 0.02"),
        "{error}"
    );
}

/// What a file of one convolution is refused for, with the node's name.
fn refusal(build: impl FnOnce(&mut Builder) -> String) -> String {
    let mut b = Builder::new(SHAPE);
    let y = build(&mut b);
    parse(&b.finish(&y)).unwrap_err().to_string()
}

#[test]
fn quantised_nodes_that_are_not_understood_are_named() {
    let weights = integers(8 * 27, 1);
    let dims = [8, 3, 3, 3];
    let cases: [(String, &[&str]); 9] = [
        (
            refusal(|b| {
                let w = b.integer_weights(&dims, &weights, &[0.1; 3], 1);
                b.node("Conv", &["x", &w], vec![])
            }),
            &["n1 (Conv", "axis 1, expected axis 0"],
        ),
        (
            refusal(|b| {
                let w = b.integer_weights(&dims, &weights, &[0.1; 5], 0);
                b.node("Conv", &["x", &w], vec![])
            }),
            &["n0 (DequantizeLinear", "5 scales along axis 0"],
        ),
        (
            refusal(|b| {
                let (w, s) = (b.typed(DataType::Int8, &dims, &weights), b.weights(&[], &[0.1]));
                let zero = b.typed(DataType::Int8, &[], &[3]);
                let w = b.node("DequantizeLinear", &[&w, &s, &zero], vec![]);
                b.node("Conv", &["x", &w], vec![])
            }),
            &["n0 (DequantizeLinear", "zero point 3, expected 0"],
        ),
        (
            refusal(|b| {
                let w = b.typed(DataType::Int8, &dims, &weights);
                b.node("DequantizeLinear", &[&w], vec![])
            }),
            &["n0 (DequantizeLinear", "input 1 is missing"],
        ),
        (
            refusal(|b| {
                let (w, s) = (b.typed(DataType::Uint8, &[2], &[1, 2]), b.weights(&[], &[0.1]));
                b.node("DequantizeLinear", &[&w, &s], vec![])
            }),
            &["n0 (DequantizeLinear", "type UINT8, expected INT8 or INT32"],
        ),
        (
            refusal(|b| {
                let (s, zero) = (b.weights(&[], &[0.1]), b.typed(DataType::Int16, &[], &[0]));
                b.node("QuantizeLinear", &["x", &s, &zero], vec![])
            }),
            &["n0 (QuantizeLinear", "expected integers, found INT16"],
        ),
        (
            refusal(|b| {
                let s = b.weights(&[3], &[0.1; 3]);
                b.node("QuantizeLinear", &["x", &s], vec![])
            }),
            &["n0 (QuantizeLinear", "3 scales, expected one"],
        ),
        (
            refusal(|b| {
                let (s, other) = (b.weights(&[], &[0.1]), b.weights(&[], &[0.2]));
                let q = b.node("QuantizeLinear", &["x", &s], vec![]);
                b.node("DequantizeLinear", &[&q, &other], vec![])
            }),
            &["n1 (DequantizeLinear", "scale 0.2 and zero point 0, but its QuantizeLinear has 0.1 and 0"],
        ),
        (
            refusal(|b| {
                let s = b.weights(&[], &[0.1]);
                let q = b.node("QuantizeLinear", &["x", &s], vec![]);
                b.node("Relu", &[&q], vec![])
            }),
            &["n1 (Relu", "expected a DequantizeLinear between"],
        ),
    ];
    for (error, parts) in cases {
        assert!(parts.iter().all(|part| error.contains(part)), "{error}: expected {parts:?}");
    }
}

/// PyTorch writes float weights with a QuantizeLinear, INT8 activations, and a DequantizeLinear for each reader.
#[test]
fn other_spellings_of_the_same_network() {
    let mut b = Builder::new(SHAPE);
    let (s, zero) = (b.weights(&[], &[0.1]), b.typed(DataType::Int8, &[], &[-100]));
    let q = b.node("QuantizeLinear", &["x", &s, &zero], vec![int("axis", 1)]);
    let x = b.node("DequantizeLinear", &[&q, &s, &zero], vec![]);
    let again = b.node("DequantizeLinear", &[&q, &s, &zero], vec![]);
    let w = b.weights(&[3, 3, 1, 1], &[0.5, -0.26, 0.24, 0.0, 9.0, -9.0, 0.1, 0.2, 0.3]);
    let units = b.weights(&[3], &[0.5, 0.05, 0.1]);
    let zeros = b.typed(DataType::Int8, &[3], &[0; 3]);
    let q = b.node("QuantizeLinear", &[&w, &units, &zeros], vec![int("axis", 0)]);
    let w = b.node("DequantizeLinear", &[&q, &units, &zeros], vec![int("axis", 0)]);
    let y = b.node("Conv", &[&x, &w], vec![]);
    let y = b.node("Add", &[&y, &again], vec![]);
    let graph = parse(&b.finish(&y)).unwrap();
    let Op::Quantise(levels) = graph.nodes[1].op else { panic!("{:?}", graph.nodes[1]) };
    assert_eq!((graph.nodes.len(), levels.scale, levels.zero_point), (4, 0.1, 28));
    let Op::Conv(conv) = &graph.nodes[2].op else { panic!("{:?}", graph.nodes[2]) };
    let integers: Vec<f32> =
        conv.weight.indexed_iter().map(|((o, ..), w)| w / conv.units.as_ref().unwrap()[o]).collect();
    assert_eq!(
        integers.iter().map(|q| q.round()).collect::<Vec<_>>(),
        [1.0, -1.0, 0.0, 0.0, 127.0, -127.0, 1.0, 2.0, 3.0]
    );
}
