//! Networks for the tests: masks and classifiers of several sizes, with weights that look random.

use super::SHAPE;
use crate::onnx::testing::{Builder, float, int, ints, string};

/// Weights that look random, within ±`size`.
fn pattern(count: usize, size: f32) -> Vec<f32> {
    let value =
        |i: usize| ((i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as f32 / (1 << 24) as f32;
    (0..count).map(|i| size * (2.0 * value(i) - 1.0)).collect()
}

/// Nearest upsampling by two.
fn double(b: &mut Builder, x: &str) -> String {
    let scales = b.weights(&[4], &[1.0, 1.0, 2.0, 2.0]);
    let nearest = vec![
        string("mode", "nearest"),
        string("coordinate_transformation_mode", "asymmetric"),
        string("nearest_mode", "floor"),
    ];
    b.node("Resize", &[x, "", &scales], nearest)
}

/// Convolution of one side `kernel`, padded with zeros so that stride 1 keeps the size.
fn conv(b: &mut Builder, x: &str, [inputs, outputs]: [usize; 2], kernel: usize, stride: i64) -> String {
    let size = 1.4 / ((inputs * kernel * kernel) as f32).sqrt();
    let w = b.weights(&[outputs, inputs, kernel, kernel], &pattern(outputs * inputs * kernel * kernel, size));
    let pads = ints("pads", &[kernel as i64 / 2; 4]);
    b.node("Conv", &[x, &w], vec![pads, ints("strides", &[stride; 2])])
}

/// The mask network of the reference, of four levels, with `base` channels at full size.
pub fn unet(side: usize, base: usize) -> Vec<u8> {
    let mut b = Builder::new([3, side, side]);
    let (mut x, mut channels, mut seen) = ("x".to_owned(), 3, vec![]);
    for width in [base, 2 * base, 4 * base] {
        let first = step(&mut b, &x, [channels, width], 1);
        let detail = step(&mut b, &first, [width, width], 1);
        x = step(&mut b, &detail, [width, width], 2);
        seen.push((detail, width));
        channels = width;
    }
    let first = step(&mut b, &x, [channels, 2 * channels], 1);
    channels *= 2;
    x = step(&mut b, &first, [channels, channels], 1);
    for (detail, width) in seen.into_iter().rev() {
        let wide = double(&mut b, &x);
        let wide = conv(&mut b, &wide, [channels, width], 1, 1);
        let both = b.node("Concat", &[&wide, &detail], vec![int("axis", 1)]);
        let first = step(&mut b, &both, [2 * width, width], 1);
        x = step(&mut b, &first, [width, width], 1);
        channels = width;
    }
    let x = conv(&mut b, &x, [channels, 1], 1, 1);
    let x = b.node("Sigmoid", &[&x], vec![]);
    b.finish(&x)
}

/// The shape of the CIFAR ResNet-20 for larger images.
pub fn resnet20(side: usize) -> Vec<u8> {
    let mut b = Builder::new([3, side, side]);
    let x = conv(&mut b, "x", [3, 16], 3, 1);
    let (mut x, mut channels) = (b.node("Relu", &[&x], vec![]), 16);
    for (width, stride) in [(16, 1), (16, 1), (16, 1), (32, 2), (32, 1), (32, 1), (64, 2), (64, 1), (64, 1)] {
        let y = conv(&mut b, &x, [channels, width], 3, stride);
        let y = b.node("Relu", &[&y], vec![]);
        let y = conv(&mut b, &y, [width, width], 3, 1);
        let short = if stride == 2 { conv(&mut b, &x, [channels, width], 1, 2) } else { x };
        let y = b.node("Add", &[&y, &short], vec![]);
        (x, channels) = (b.node("Relu", &[&y], vec![]), width);
    }
    let x = b.node("GlobalAveragePool", &[&x], vec![]);
    let x = b.node("Flatten", &[&x], vec![]);
    let w = b.weights(&[64, 16], &pattern(64 * 16, 0.3));
    let x = b.node("MatMul", &[&x, &w], vec![]);
    b.finish(&x)
}

/// Mirrored border, convolution, leaky ReLU.
fn step(b: &mut Builder, x: &str, [inputs, outputs]: [usize; 2], stride: i64) -> String {
    let border = b.integers(&[0, 0, 1, 1, 0, 0, 1, 1]);
    let x = b.node("Pad", &[x, &border], vec![string("mode", "reflect")]);
    let weights = pattern(outputs * inputs * 9, 1.2 / (inputs as f32).sqrt());
    let w = b.weights(&[outputs, inputs, 3, 3], &weights);
    let x = b.node("Conv", &[&x, &w], vec![ints("strides", &[stride; 2])]);
    b.node("LeakyRelu", &[&x], vec![float("alpha", 0.1)])
}

/// A U-Net of two levels; `gain` scales what goes into the sigmoid and `bias` is added to it.
pub fn mask(gain: f32, bias: f32) -> Vec<u8> {
    let mut b = Builder::new(SHAPE);
    let fine = step(&mut b, "x", [3, 8], 1);
    let coarse = step(&mut b, &fine, [8, 8], 2);
    let coarse = step(&mut b, &coarse, [8, 8], 1);
    let up = double(&mut b, &coarse);
    let both = b.node("Concat", &[&up, &fine], vec![int("axis", 1)]);
    let x = step(&mut b, &both, [16, 8], 1);
    let (w, bias) = (b.weights(&[1, 8, 1, 1], &pattern(8, gain)), b.weights(&[1], &[bias]));
    let x = b.node("Conv", &[&x, &w, &bias], vec![]);
    let x = b.node("Sigmoid", &[&x], vec![]);
    b.finish(&x)
}

pub fn classifier() -> Vec<u8> {
    let mut b = Builder::new(SHAPE);
    let w = b.weights(&[8, 3, 3, 3], &pattern(8 * 27, 0.6));
    let x = b.node("Conv", &["x", &w], vec![ints("pads", &[1; 4])]);
    let x = b.node("Relu", &[&x], vec![]);
    let x = b.node("GlobalAveragePool", &[&x], vec![]);
    let x = b.node("Flatten", &[&x], vec![]);
    let w = b.weights(&[8, 5], &pattern(40, 2.0));
    let x = b.node("MatMul", &[&x, &w], vec![]);
    b.finish(&x)
}
