//! What becomes of a graph: fusion, memory, file, and the errors on the way.

use ringfence_runtime::plan::Rescale;
use ringfence_runtime::{Model, Op};

use super::super::inspect::inspect;
use super::super::meta::Meta;
use super::super::{ActivationBits, CompileError, Options, compile};
use super::Pictures;
use crate::onnx::testing::{Builder, int, ints, string};

/// ResNet-8 of MLPerf Tiny on 3x32x32, 10 classes, all weights alike.
fn resnet8() -> Vec<u8> {
    let mut b = Builder::new([3, 32, 32]);
    let mut x = conv(&mut b, "x", [3, 16], 3, 1);
    x = b.node("Relu", &[&x], vec![]);
    for [inputs, outputs] in [[16, 16], [16, 32], [32, 64]] {
        let stride = if inputs == outputs { 1 } else { 2 };
        let y = conv(&mut b, &x, [inputs, outputs], 3, stride);
        let y = b.node("Relu", &[&y], vec![]);
        let y = conv(&mut b, &y, [outputs, outputs], 3, 1);
        let shortcut = if stride == 2 { conv(&mut b, &x, [inputs, outputs], 1, 2) } else { x };
        let sum = b.node("Add", &[&y, &shortcut], vec![]);
        x = b.node("Relu", &[&sum], vec![]);
    }
    let x = b.node("GlobalAveragePool", &[&x], vec![]);
    let x = b.node("Flatten", &[&x], vec![]);
    let w = b.weights(&[10, 64], &pattern(640));
    let x = b.node("Gemm", &[&x, &w], vec![int("transB", 1)]);
    b.finish(&x)
}

fn pattern(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 7919 % 997) as f32 / 498.5 - 1.0) * 0.2).collect()
}

fn conv(b: &mut Builder, x: &str, [inputs, outputs]: [usize; 2], kernel: usize, stride: i64) -> String {
    let w = b.weights(&[outputs, inputs, kernel, kernel], &pattern(outputs * inputs * kernel * kernel));
    let pads = ints("pads", &[(kernel / 2) as i64; 4]);
    b.node("Conv", &[x, &w], vec![pads, ints("strides", &[stride; 2])])
}

fn small_options() -> Options {
    Options { images: 4, tables: vec!["single-stage:32:0.001".parse().unwrap()], ..Options::new(0.25) }
}

#[test]
fn seven_bits_are_said_to_be_seven() {
    let data = Pictures::new([3, 32, 32], 10);
    for (bits, pairs) in [(7, true), (8, false)] {
        let options = Options { activation_bits: bits.to_string().parse().unwrap(), ..small_options() };
        let file = compile(&resnet8(), "resnet8", &data, &options).unwrap();
        let model = Model::parse(&file).unwrap();
        let report = inspect(&model);
        assert_eq!(
            (i32::from(report.activation_bits), i32::from(Meta::of(&model).unwrap().activation_bits)),
            (bits, bits)
        );
        assert!(report.layers.iter().all(|layer| layer.pairs == (pairs && layer.kind == "conv")));
    }
    assert!("6".parse::<ActivationBits>().unwrap_err().contains("7 or 8"));
}

#[test]
fn resnet8_is_ten_convolutions_with_fused_sums_in_a_small_arena() {
    let file = compile(&resnet8(), "resnet8", &Pictures::new([3, 32, 32], 10), &small_options()).unwrap();
    let model = Model::parse(&file).unwrap();
    let report = inspect(&model);
    let kinds: Vec<&str> = report.layers.iter().map(|layer| layer.kind).collect();
    assert_eq!(kinds, [["conv"; 9].as_slice(), &["pool", "logits"]].concat());
    let residuals: Vec<usize> = (0..9).filter(|i| report.layers[*i].residual).collect();
    assert_eq!(residuals.len(), 3);
    assert_eq!(report.macs, 12_501_632);
    // Three 16-channel maps of 32x32 with one pixel of border around them; nothing else is alive with them.
    // The image of the first stage, the map after it, the sum that the second shortcut will join.
    assert_eq!(report.arena_bytes, 34 * 34 * 16 + 18 * 18 * 32 + 16 * 16 * 32);
    assert_eq!(report.layers[1].activation_bytes, 34 * 34 * 16);
    assert_eq!(report.classes[3], "class 3");
    assert_eq!(report.certificates.len(), 1);
    assert_eq!((report.certificates[0].n, report.certificates[0].least_count), (32, Some(26)));
    assert_eq!(report.name.as_deref(), Some("resnet8"));
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!(json["schema"], "ringfence.inspect/1");
    assert_eq!(json["layers"][0]["output"], serde_json::json!([32, 32, 16]));
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let make = || compile(&resnet8(), "r", &Pictures::new([3, 32, 32], 10), &small_options()).unwrap();
    assert_eq!(make(), make());
}

/// Stride 2 over an even side reads one pixel less below than above; kernels 5 and 4 reach two.
#[test]
fn borders_are_what_windows_reach() {
    for (kernel, pads, stride, border) in
        [(3, [1, 1, 1, 1], 2, 1), (5, [2, 2, 2, 2], 1, 2), (4, [1, 1, 2, 2], 1, 2), (1, [0; 4], 1, 0)]
    {
        let mut b = Builder::new([2, 8, 8]);
        let w = b.weights(&[4, 2, kernel, kernel], &pattern(8 * kernel * kernel));
        let x = b.node("Conv", &["x", &w], vec![ints("pads", &pads), ints("strides", &[stride; 2])]);
        let x = b.node("GlobalAveragePool", &[&x], vec![]);
        let x = b.node("Flatten", &[&x], vec![]);
        let w = b.weights(&[4, 3], &pattern(12));
        let x = b.node("MatMul", &[&x, &w], vec![]);
        let file = compile(&b.finish(&x), "", &Pictures::new([2, 8, 8], 3), &small_options()).unwrap();
        let model = Model::parse(&file).unwrap();
        assert_eq!(model.tensor(0).unwrap().border, border);
    }
}

#[test]
fn sums_and_relus_that_cannot_be_fused_stand_alone() {
    let mut b = Builder::new([2, 6, 6]);
    let x = conv(&mut b, "x", [2, 8], 3, 1);
    let relu = b.node("Relu", &[&x], vec![]);
    let sum = b.node("Add", &[&x, &relu], vec![]);
    let x = b.node("Flatten", &[&sum], vec![]);
    let w = b.weights(&[288, 3], &pattern(864));
    let x = b.node("MatMul", &[&x, &w], vec![]);
    let file = compile(&b.finish(&x), "", &Pictures::new([2, 6, 6], 3), &small_options()).unwrap();
    let model = Model::parse(&file).unwrap();
    let ops: Vec<Op> = model.ops().collect();
    assert!(matches!(&ops[..], [Op::Conv(_), Op::Add(relu), Op::Add(sum), Op::Logits(_)]
        if relu.residual.is_none() && sum.residual.is_some()));
}

/// Two levels of a U-Net. With `shared`, a third layer reads the upsampled map.
fn small_unet(channels: usize, shared: bool) -> Vec<u8> {
    let mut b = Builder::new([2, 8, 8]);
    let x = conv(&mut b, "x", [2, 8], 3, 1);
    let x = b.node("Relu", &[&x], vec![]);
    let y = b.node("MaxPool", &[&x], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])]);
    let y = conv(&mut b, &y, [8, channels], 3, 1);
    let y = b.node("Relu", &[&y], vec![]);
    let scales = b.weights(&[4], &[1.0, 1.0, 2.0, 2.0]);
    let modes = vec![string("coordinate_transformation_mode", "asymmetric"), string("nearest_mode", "floor")];
    let up = b.node("Resize", &[&y, "", &scales], modes);
    let both = b.node("Concat", &[&up, &x], vec![int("axis", 1)]);
    let mut x = conv(&mut b, &both, [channels + 8, channels], 1, 1);
    if shared {
        x = b.node("Add", &[&x, &up], vec![]);
    }
    let x = b.node("GlobalAveragePool", &[&x], vec![]);
    let x = b.node("Flatten", &[&x], vec![]);
    let w = b.weights(&[channels, 3], &pattern(3 * channels));
    let x = b.node("MatMul", &[&x, &w], vec![]);
    b.finish(&x)
}

#[test]
fn upsampling_is_part_of_the_join_that_alone_reads_it() {
    let data = Pictures::new([2, 8, 8], 3);
    for (shared, wanted) in [
        (false, ["conv", "maxpool", "conv", "join", "conv", "pool", "logits"].as_slice()),
        (true, &["conv", "maxpool", "conv", "join", "join", "conv", "pool", "logits"]),
    ] {
        let file = compile(&small_unet(4, shared), "", &data, &small_options()).unwrap();
        let model = Model::parse(&file).unwrap();
        let report = inspect(&model);
        assert_eq!(report.layers.iter().map(|layer| layer.kind).collect::<Vec<_>>(), wanted);
        let ops: Vec<Op> = model.ops().collect();
        let (Op::Join(join), Op::MaxPool(pool)) = (&ops[3 + usize::from(shared)], &ops[1]) else { panic!() };
        let second = join.second.unwrap();
        assert_eq!(join.input.tensor.height, if shared { 8 } else { 4 });
        assert_eq!((join.output.tensor.channels, second.operand.index), (12, pool.input.index));
        // Operands share a range: both are copied, their rules multiply by one.
        let copied = |rule: Rescale| i32::from(rule.mul) << rule.shift == 1 << 15;
        assert!(copied(join.rescale) && copied(second.rescale), "{join:?}");
        assert_eq!([join.output, join.input, second.operand].map(|t| t.tensor.zero_point), [0; 3]);
        let absorbed = &Meta::of(&model).unwrap().layers[3 + usize::from(shared)].absorbed;
        assert_eq!(absorbed.is_empty(), shared, "{absorbed:?}");
    }
    let error = error_of(&small_unet(6, false), &data, &small_options());
    assert!(
        error
            .contains("(Concat) on [N, 6, 8, 8] and [N, 8, 8, 8]: 6 channels before those of the second map"),
        "{error}"
    );
}

fn error_of(file: &[u8], data: &Pictures, options: &Options) -> String {
    compile(file, "", data, options).unwrap_err().to_string()
}

#[test]
fn options_that_do_not_fit_are_named() {
    let file = resnet8();
    let data = Pictures::new([3, 32, 32], 10);
    let options = small_options;
    let cases = [
        (Options { std: vec![1.0, 0.0, 1.0], ..options() }, "--std: 0 is not positive"),
        (Options { mean: vec![0.5, 0.5], ..options() }, "--mean: 2 values, expected 1 or 3"),
        (Options { mean: vec![f64::NAN], ..options() }, "--mean: [NaN], expected finite numbers"),
        (Options { images: 0, ..options() }, "--images: no image"),
        (
            Options { classes: vec!["one".into()], ..options() },
            "--classes: 1 names for the model's 10 classes",
        ),
        (Options { classes: vec!["x".repeat(256); 10], ..options() }, "longer than 255 bytes"),
        (Options { sigma: 0.0, ..options() }, "sigma 0"),
        (Options { tables: vec!["single-stage:2:0.001".parse().unwrap()], ..options() }, "2 of 2 votes"),
    ];
    for (options, wanted) in cases {
        let error = error_of(&file, &data, &options);
        assert!(error.contains(wanted), "{error}");
    }
    let error = error_of(&file, &Pictures::new([1, 28, 28], 10), &options());
    assert!(error.contains("1x28x28") && error.contains("3x32x32"), "{error}");
}

#[test]
fn networks_that_do_not_end_in_a_dense_layer_are_refused() {
    let data = Pictures::new([3, 6, 6], 4);
    let mut b = Builder::new([3, 6, 6]);
    let x = conv(&mut b, "x", [3, 4], 3, 1);
    let x = b.node("GlobalAveragePool", &[&x], vec![]);
    let error = error_of(&b.finish(&x), &data, &small_options());
    assert!(error.contains("node n1 (GlobalAveragePool) on [N, 4, 6, 6]: the network must end"), "{error}");

    let mut b = Builder::new([3, 6, 6]);
    let x = b.node("Flatten", &["x"], vec![]);
    let w = b.weights(&[108, 108], &pattern(108 * 108));
    let y = b.node("MatMul", &[&x, &w], vec![]);
    let sum = b.node("Add", &[&y, &x], vec![]);
    let w = b.weights(&[108, 4], &pattern(432));
    let y = b.node("MatMul", &[&sum, &w], vec![]);
    let error = error_of(&b.finish(&y), &data, &small_options());
    assert!(error.contains("(Add)") && error.contains("flattened map"), "{error}");
}

#[test]
fn sizes_beyond_the_format_are_named() {
    let mut b = Builder::new([1, 2, 2]);
    let w = b.weights(&[9000, 1, 1, 1], &pattern(9000));
    let x = b.node("Conv", &["x", &w], vec![]);
    let x = b.node("Flatten", &[&x], vec![]);
    let w = b.weights(&[36000, 2], &vec![0.0; 72000]);
    let x = b.node("MatMul", &[&x, &w], vec![]);
    let error = compile(&b.finish(&x), "", &Pictures::new([1, 2, 2], 2), &small_options()).unwrap_err();
    assert!(matches!(&error, CompileError::TooLarge { what: "kernel volume", found: 36000, .. }), "{error}");
}
