//! Whole models of adaptive smoothing: the runtime against the formulas, the bounds against exact rationals.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::LazyLock;

use num_bigint::BigUint;
use ringfence_runtime::certificate::Norm;
use ringfence_runtime::format::layout::{self, Section};
use ringfence_runtime::noise::{Generator, Noise, Normal, Purpose, Seed};
use ringfence_runtime::smooth::adaptive::{Mixture, Recipe};
use ringfence_runtime::smooth::{Budget, Error, Image, Smoother};
use ringfence_runtime::{Backend, Executor, FormatError, Model};
use sha2::{Digest, Sha256};

use super::{Networks, Steps, compile_adaptive};
use crate::certificate::{Scheme, Smoothing, Table, two_stage};
use crate::compile::Options;
use crate::compile::inspect::inspect;
use crate::compile::meta::Meta;
use crate::compile::tests::Pictures;
use crate::data::{Dataset, Shape};
use crate::noise::dyadic::Dyadic;
use crate::onnx::testing::{Builder, float, int, ints, string};
use crate::onnx::{FloatModel, parse};

const SHAPE: [usize; 3] = [3, 12, 8];
const PIXELS: usize = 96;
const SEED: Seed = Seed([7; 32]);
const SIGMA: f64 = 0.25;

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
fn unet(side: usize, base: usize) -> Vec<u8> {
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
fn resnet20(side: usize) -> Vec<u8> {
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
fn mask(gain: f32, bias: f32) -> Vec<u8> {
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

fn classifier() -> Vec<u8> {
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

fn data() -> Pictures {
    Pictures::new(SHAPE, 5)
}

fn compiled(mask: &[u8], split: f64) -> Vec<u8> {
    let tables =
        ["two-stage:8:40:0.05", "single-stage:40:0.05", "sequential:0.002:60:0.05", "predict:40:0.05"];
    let tables = tables.map(|table| table.parse().unwrap()).to_vec();
    let options = Options { images: 50, tables, ..Options::new(SIGMA) };
    let networks = Networks { classifier: &classifier(), mask };
    compile_adaptive(networks, "pair", &data(), (&options, split), &|_, _| {}).unwrap()
}

/// The model of most tests.
static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| compiled(&mask(3.0, -2.0), 0.5));

fn picture(index: usize) -> Vec<u8> {
    let data = data();
    let mut pixels = vec![0; data.shape().bytes()];
    data.read(index, &mut pixels).unwrap();
    pixels
}

fn view(pixels: &[u8]) -> Image<'_> {
    let [channels, height, width] = SHAPE;
    Image::chw(pixels, channels, height, width).unwrap()
}

#[test]
fn a_file_holds_both_networks() {
    let model = Model::parse(&FILE).unwrap();
    let mask_network = model.mask().unwrap();
    assert_eq!((model.norm(), f64::from_bits(model.sigma_bits())), (Norm::LInf, SIGMA));
    assert_eq!(model.source_sha256()[..], Sha256::digest(classifier())[..]);
    assert_eq!(mask_network.adaptive.source_sha256[..], Sha256::digest(mask(3.0, -2.0))[..]);
    let networks = [model.network(), &mask_network.network];
    let most = networks.map(|network| network.tensors().map(|t| t.offset + t.bytes).max().unwrap());
    // The larger of both and the mask, each a multiple of 64.
    let needed = most[0].max(most[1]).next_multiple_of(64) + PIXELS.next_multiple_of(64);
    assert_eq!(model.sample_arena_bytes(), needed);
    assert_eq!(model.tv_budget(), model.noise().tv_budget + mask_network.adaptive.tv_budget);
    let meta = Meta::of(&model).unwrap().mask.unwrap();
    assert_eq!(meta.layers.len(), mask_network.network.ops().count());
    assert_eq!(meta.tensors.len(), mask_network.network.tensors().count());
    let kinds: Vec<_> = inspect(&model).mask.unwrap().layers.iter().map(|layer| layer.kind).collect();
    let step = ["conv", "lookup"];
    let wanted = [&step[..], &step, &step, &["join"], &step, &step].concat();
    assert_eq!(kinds, wanted);
}

/// What the smallest useful pair of networks takes: a slim U-Net and ResNet-20 on 64 x 64 pixels.
#[test]
fn a_slim_unet_with_resnet20_fits_half_a_mebibyte() {
    let networks = Networks { classifier: &resnet20(64), mask: &unet(64, 8) };
    let options = Options { images: 2, ..Options::new(0.5) };
    let pictures = Pictures::new([3, 64, 64], 16);
    let file = compile_adaptive(networks, "slim", &pictures, (&options, 0.5), &|_, _| {}).unwrap();
    let model = Model::parse(&file).unwrap();
    let report = inspect(&model);
    assert!(model.arena_bytes(1) <= 512 * 1024, "{} bytes", model.arena_bytes(1));
    // 604.5 M products with 32 channels at full size, a sixteenth with 8 (but for the image's three); and those of ResNet-20.
    let millions = [report.mask.unwrap().macs, report.macs].map(|macs| macs as f64 / 1e6);
    assert!((millions[0] - 38.0).abs() < 2.0 && (millions[1] - 163.3).abs() < 1.0, "{millions:?}");
}

#[test]
fn masks_follow_the_float_network() {
    let model = Model::parse(&FILE).unwrap();
    let mask = mask(3.0, -2.0);
    let graph = parse(&mask).unwrap();
    let float = FloatModel::new(&mask, &graph, &[graph.nodes[graph.output].value.as_str()]).unwrap();
    let mut arena = vec![0; model.arena_bytes(1)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let (mut sum, mut spread) = (0.0, (255, 0));
    for index in 0..20 {
        let pixels = picture(index);
        let mut noisy = vec![0; pixels.len()];
        Noise::new(model.noise(), &SEED, Purpose::Estimate, index as u32).fill(&mut noisy);
        let real: Vec<f32> =
            noisy.iter().zip(&pixels).map(|(n, p)| (f32::from(*n) + f32::from(*p)) / 255.0).collect();
        let wanted = float.run(&real).unwrap().remove(0);
        let found = smoother.mask(&view(&pixels), &SEED, Purpose::Estimate, index as u32).unwrap().unwrap();
        assert_eq!(found.len(), PIXELS);
        sum += found.iter().zip(&wanted).map(|(w, v)| (f32::from(*w) - 255.0 * v).abs()).sum::<f32>();
        spread = found.iter().fold(spread, |(low, high), w| (low.min(*w), high.max(*w)));
    }
    let mean = sum / (20 * PIXELS) as f32;
    assert!(mean < 4.0, "{mean} levels of 255");
    assert!(spread.0 < 40 && spread.1 > 215, "{spread:?}");
}

/// One sample as the documents have it, in big integers; only both noises and the mask come from the runtime.
fn naive_input(model: &Model<'_>, pixels: &[u8], mask: &[u8], sample: u32, generator: Generator) -> Vec<i16> {
    let adaptive = model.mask().unwrap().adaptive;
    let (mut first, mut z) = (vec![0i16; pixels.len()], vec![0i64; pixels.len()]);
    Noise::with_generator(model.noise(), generator, &SEED, Purpose::Estimate, sample).fill(&mut first);
    Normal::new(adaptive.quantiles, generator, &SEED, Purpose::Estimate, sample).fill(&mut z);
    let squares: u64 = mask.iter().map(|w| u64::from(*w).pow(2)).sum();
    let (s1, s2) = (i128::from(adaptive.first), i128::from(adaptive.deviation(squares)));
    let mix = |i: usize| {
        let (w, x) = (i128::from(mask[i % PIXELS]), i128::from(pixels[i]));
        let b = (w * s1 * s1 << 31) / (255 * 255 * s2 * s2 + w * w * s1 * s1);
        let a = (1 << 31) - w * b;
        let noise = (b * s2 * i128::from(z[i])).div_euclid(1 << 58);
        let sum = a * (x + i128::from(first[i])) + b * w * x + noise + (1 << 30);
        sum.div_euclid(1 << 31).clamp(-8192, 8192) as i16
    };
    (0..pixels.len()).map(mix).collect()
}

#[test]
fn votes_are_those_of_the_formulas_whatever_batch_backend_and_steps() {
    let model = Model::parse(&FILE).unwrap();
    let executor = Executor::new(&model, Backend::Scalar).unwrap();
    let pixels = picture(3);
    for generator in [Generator::Xoshiro, Generator::ChaCha] {
        let mut arena = vec![0; model.arena_bytes(1)];
        let mut smoother = Smoother::with_backend(&model, &mut arena, Backend::Scalar).unwrap();
        smoother = smoother.with_generator(generator);
        let mut wanted = vec![0u32; 5];
        for sample in 0..40 {
            let mask =
                smoother.mask(&view(&pixels), &SEED, Purpose::Estimate, sample).unwrap().unwrap().to_vec();
            let mixed = naive_input(&model, &pixels, &mask, sample, generator);
            let (mut arena, mut logits) = (vec![0; model.arena_bytes(1)], [0; 5]);
            let mut writer = executor.write_input(&mut arena, 0).unwrap();
            for (row, values) in mixed.chunks(SHAPE[2]).enumerate() {
                writer.row(row / SHAPE[1], row % SHAPE[1], values);
            }
            executor.run(&mut arena, 1, &mut logits, |_, _, _| {}).unwrap();
            let best = (0..5).rev().max_by_key(|class| logits[*class]).unwrap();
            wanted[best] += 1;
        }
        assert!(wanted.iter().filter(|count| **count > 0).count() > 1, "{wanted:?}");
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            for batch in [1, 3, 16] {
                // What an arena held before does not matter.
                let mut arena = vec![0xA5; model.arena_bytes(batch)];
                let smoother = Smoother::with_backend(&model, &mut arena, backend).unwrap();
                let mut smoother = smoother.with_generator(generator);
                let found = smoother.tally(&view(&pixels), &SEED, Purpose::Estimate, 0..40).unwrap();
                assert_eq!(found[..], wanted, "{backend:?}, batch {batch}");
                let budget = Budget::single_stage(40, 0.05);
                let image = view(&pixels);
                let whole = smoother.certify(&image, budget, &SEED).unwrap();
                assert_eq!(whole.counts()[..], wanted);
                let mut run = smoother.start(&image, budget, &SEED).unwrap();
                while !run.step(7).unwrap() {}
                assert_eq!(run.finish().unwrap(), whole);
            }
        }
    }
}

#[test]
fn radii_are_of_the_largest_difference_and_no_others_are_given() {
    let model = Model::parse(&FILE).unwrap();
    let smoothing = Smoothing::of(&model);
    let plain = two_stage(8, 40, 0.05, SIGMA, model.tv_budget()).unwrap();
    let table = model.certificates().next().unwrap();
    assert_eq!((table.norm(), table.entry(40)), (Norm::LInf, table.entries().last()));
    let made = Scheme::two_stage(8, 40, 0.05, smoothing).unwrap().table();
    assert_eq!(made.entries, table.entries().collect::<Vec<_>>());
    for count in plain.first..=40 {
        // floor(R / sqrt(d)) for the real R in [units, units + 1).
        let units = |table: &Table| u64::from(table.radius(count).unwrap());
        let (l2, linf) = (units(&plain), units(&made));
        assert!(
            linf * linf * 288 < (l2 + 1) * (l2 + 1) && (linf + 1) * (linf + 1) * 288 > l2 * l2,
            "{count}"
        );
    }
    let mut arena = vec![0; model.arena_bytes(1)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let (pixels, bytes) = (picture(0), plain.entry_bytes());
    let error = smoother.certify_with(&view(&pixels), &plain.view(&bytes).unwrap(), &SEED).unwrap_err();
    assert_eq!(error, Error::TableNorm { expected: Norm::LInf, found: Norm::L2 });
    for index in 0..20 {
        let pixels = picture(index);
        let outcome = smoother.certify(&view(&pixels), Budget::two_stage(8, 40, 0.05), &SEED).unwrap();
        if let Some(certificate) = outcome.certificate() {
            assert_eq!(
                (certificate.radius_l2(), certificate.radius_linf()),
                (None, Some(certificate.radius))
            );
        }
    }
}

fn ratio(value: f64) -> (BigUint, BigUint) {
    let big = |value: dashu::integer::UBig| BigUint::from_bytes_le(&value.to_le_bytes());
    let (n, d) = Dyadic::from_f64(value).ratio();
    (big(n), big(d))
}

/// `mu^2 = d r^2 / sigma1^2 + C r^2 |w|^2 / sigma2^2 <= d r^2 / sigma^2` in exact rationals, for masks of every kind: what
/// both steps tell together is no more than plain noise of deviation sigma would.
#[test]
fn both_steps_together_tell_no_more_than_plain_noise() {
    for (sigma, split, side) in
        [(0.25, 0.5, 8), (0.5, 0.3, 16), (0.12, 0.75, 5), (1.0, 0.5, 32), (0.01, 0.99, 3)]
    {
        let shape = Shape { channels: 3, height: side, width: side };
        let steps = Steps::new(sigma, split, shape).unwrap();
        let (adaptive, pixels) = (steps.view([0; 32]), side * side);
        let (sigma_n, sigma_d) = ratio(sigma);
        let (first_n, first_d) = ratio(steps.first.sigma);
        // On the grid of the second step, rounded up.
        assert!(BigUint::from(adaptive.first) * &first_d >= &first_n * 65_025u32);
        let pixels_255 = 255 * 255 * pixels as u64;
        let random = |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % (pixels_255 + 1);
        let extremes = [0, 1, 255 * 255, pixels as u64, pixels_255 - 1, pixels_255];
        for squares in extremes.into_iter().chain((0..300).map(random)) {
            let least = adaptive.deviation(squares);
            for second in [least, least + 1, least + 1000] {
                // Over d r^2: 1/sigma1^2 + 255^2 squares / (pixels second^2) <= 1/sigma^2, for |w|^2 = squares / 255^2 and
                // sigma2 = second / 255^2; times all that is below a line.
                let scale = BigUint::from(pixels) * u64::from(second).pow(2);
                let left = (&first_d * &sigma_n).pow(2) * &scale
                    + BigUint::from(squares) * 65_025u32 * (&first_n * &sigma_n).pow(2);
                let right = (&sigma_d * &first_n).pow(2) * scale;
                assert!(left <= right, "sigma {sigma}, split {split}, squares {squares}, deviation {second}");
            }
            // No larger than it has to be: one less would tell too much, but for the rounding of constants.
            if least > 2 {
                let less = u64::from(least - 2).pow(2);
                let (split_n, split_d) = ratio(split);
                let left = BigUint::from(squares) * 65_025u32 * sigma_n.pow(2) * &split_d;
                let right = BigUint::from(less) * pixels * (&split_d - &split_n) * sigma_d.pow(2);
                assert!(right < left, "squares {squares}: {least} is more than needed");
            }
        }
    }
}

/// Under a mask of ones both steps come to plain smoothing: same mean, deviation and distribution.
#[test]
fn a_mask_of_ones_is_plain_smoothing() {
    let steps = Steps::new(SIGMA, 0.5, Shape { channels: 3, height: 32, width: 32 }).unwrap();
    let adaptive = steps.view([0; 32]);
    let entries = steps.first.entry_bytes();
    let mask = vec![255; 1024];
    let mixture = Mixture::new(adaptive.first, adaptive.deviation(255 * 255 * 1024));
    let (grey, mut values) = (vec![128; 3072], Vec::new());
    let image = Image::chw(&grey, 3, 32, 32).unwrap();
    for sample in 0..100 {
        let recipe = Recipe {
            image: &image,
            mask: &mask,
            first: Noise::new(steps.first.view(&entries), &SEED, Purpose::Vote, sample),
            second: Normal::new(adaptive.quantiles, Generator::Xoshiro, &SEED, Purpose::Vote, sample),
            mixture: &mixture,
        };
        recipe.each_piece(|piece| values.extend_from_slice(piece.mixed));
    }
    // Chi-square against the table of plain noise, over cells of at least 50 draws.
    let plain = crate::noise::generate(SIGMA, 3072).unwrap();
    let masses = plain.masses();
    let mut counts = vec![0u32; masses.len()];
    for value in &values {
        counts[(i32::from(*value) - 128 - plain.min_value) as usize] += 1;
    }
    let (mut cells, mut chi_square) = (0u32, 0.0);
    for (count, units) in counts.iter().zip(&masses) {
        let expected = *units as f64 / 2f64.powi(64) * values.len() as f64;
        if expected >= 50.0 {
            cells += 1;
            chi_square += (f64::from(*count) - expected).powi(2) / expected;
        }
    }
    let deviation = (chi_square - f64::from(cells - 1)) / f64::from(2 * (cells - 1)).sqrt();
    assert!(cells > 250 && deviation.abs() < 4.0, "{cells} cells, chi-square {chi_square}");
}

/// Mean and variance of the mix for other masks: unbiased, and 1/var = 1/sigma1^2 + w^2/sigma2^2.
#[test]
fn mixes_are_unbiased_and_of_least_variance() {
    let steps = Steps::new(SIGMA, 0.5, Shape { channels: 1, height: 64, width: 64 }).unwrap();
    let (adaptive, entries) = (steps.view([0; 32]), steps.first.entry_bytes());
    let levels = [0u8, 3, 40, 255];
    let mask: Vec<u8> = (0..4096).map(|i| levels[i % 4]).collect();
    let squares = mask.iter().map(|w| u64::from(*w).pow(2)).sum();
    let second = adaptive.deviation(squares);
    let mixture = Mixture::new(adaptive.first, second);
    let pixels: Vec<u8> = (0..4096).map(|i| (i / 4 % 256) as u8).collect();
    let image = Image::chw(&pixels, 1, 64, 64).unwrap();
    let mut sums = [[0.0f64; 2]; 4];
    for sample in 0..40 {
        let recipe = Recipe {
            image: &image,
            mask: &mask,
            first: Noise::new(steps.first.view(&entries), &SEED, Purpose::Vote, sample),
            second: Normal::new(adaptive.quantiles, Generator::Xoshiro, &SEED, Purpose::Vote, sample),
            mixture: &mixture,
        };
        recipe.each_piece(|piece| {
            for (i, value) in piece.mixed.iter().enumerate() {
                let error = f64::from(*value) - f64::from(pixels[piece.place[1] * 64 + piece.place[2] + i]);
                let sums = &mut sums[(piece.place[2] + i) % 4];
                (sums[0], sums[1]) = (sums[0] + error, sums[1] + error * error);
            }
        });
    }
    for (w, [sum, square]) in levels.into_iter().zip(sums) {
        let n = 40.0 * 1024.0;
        let first = 255.0 * steps.first.sigma;
        let precision = first.powi(-2) + (f64::from(w) / f64::from(second)).powi(2);
        // Rounding adds a twelfth.
        let variance = 1.0 / precision + 1.0 / 12.0;
        assert!((sum / n).abs() < 4.5 * (variance / n).sqrt(), "w {w}: mean {}", sum / n);
        assert!(
            (square / n / variance - 1.0).abs() < 4.5 * (2.0 / n).sqrt(),
            "w {w}: {} {variance}",
            square / n
        );
    }
}

/// Offset and length of a section.
fn section(file: &[u8], section: Section) -> (usize, usize) {
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let entries = (0..word(20)).map(|i| layout::HEADER_BYTES + 16 * i);
    let entry = entries.into_iter().find(|at| word(*at) == section as usize).unwrap();
    (word(entry + 4), word(entry + 8))
}

fn reseal(file: &mut [u8]) {
    let checksum = layout::checksum(file);
    file[16..20].copy_from_slice(&checksum.to_le_bytes());
}

#[test]
fn damaged_files_are_refused_or_harmless() {
    let pixels = picture(1);
    let (mut refused, mut taken) = (0, 0);
    let parts = [
        Section::Adaptive,
        Section::MaskInput,
        Section::MaskTensors,
        Section::MaskOps,
        Section::MaskWeights,
        Section::Tensors,
    ];
    for part in parts {
        let (start, length) = section(&FILE, part);
        let length = if part == Section::Adaptive { 160 } else { length };
        for at in (0..length).step_by(length.div_ceil(150)) {
            for flip in [1, 0x80, 0xFF] {
                let mut file = FILE.clone();
                file[start + at] ^= flip;
                reseal(&mut file);
                let Ok(model) = Model::parse(&file) else {
                    refused += 1;
                    continue;
                };
                taken += 1;
                let mut arena = vec![0; model.arena_bytes(1).min(1 << 20)];
                let Ok(mut smoother) = Smoother::with_backend(&model, &mut arena, Backend::Scalar) else {
                    continue;
                };
                let _ = smoother.tally(&view(&pixels), &SEED, Purpose::Vote, 0..1);
            }
        }
    }
    assert!(refused > 300 && taken > 100, "{refused} refused, {taken} taken");
}

#[test]
fn a_mask_network_comes_with_its_numbers_and_they_with_it() {
    let unnamed = |section: Section| {
        // The section becomes a second one of META, which may be missing: renamed, that is, after META is.
        let mut file = FILE.clone();
        let word = |file: &[u8], at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let entries: Vec<usize> =
            (0..word(&file, 20) as usize).map(|i| layout::HEADER_BYTES + 16 * i).collect();
        let last = *entries.last().unwrap();
        let at = *entries.iter().find(|at| word(&file, **at) == section as u32).unwrap();
        let entry: Vec<u8> = file[last..last + 16].to_vec();
        file[at..at + 16].copy_from_slice(&entry);
        file[last..last + 16].fill(0);
        let count = word(&file, 20) - 1;
        file[20..24].copy_from_slice(&count.to_le_bytes());
        reseal(&mut file);
        Model::parse(&file).unwrap_err()
    };
    assert!(matches!(unnamed(Section::Adaptive), FormatError::Adaptive(_)));
    for section in [Section::MaskInput, Section::MaskTensors, Section::MaskOps] {
        assert_eq!(unnamed(section), FormatError::MissingSection { section });
    }
}

#[test]
fn what_cannot_be_smoothed_is_named() {
    let error = |networks: Networks<'_>, sigma: f64, split: f64| {
        compile_adaptive(networks, "", &data(), (&Options::new(sigma), split), &|_, _| {})
            .unwrap_err()
            .to_string()
    };
    let (mask, classifier) = (mask(1.0, 0.0), classifier());
    let good = Networks { classifier: &classifier, mask: &mask };
    assert!(error(good, 0.25, 1.0).starts_with("--budget-split: 1 is outside"));
    assert!(error(good, 2.0, 0.5).contains("sigma 2.82"));
    let swapped = Networks { classifier: &mask, mask: &classifier };
    assert!(error(swapped, 0.25, 0.5).contains("must end in a Sigmoid over one channel of the image's size"));
    let twice = Networks { classifier: &mask, mask: &mask };
    assert!(error(twice, 0.25, 0.5).contains("must end in a dense layer"));
}
