//! Whole models of adaptive smoothing: the runtime against the formulas, the bounds against exact rationals.
#![allow(clippy::unwrap_used, clippy::panic)]

mod networks;
mod noise;
mod refused;

use std::sync::LazyLock;

use ringfence_runtime::certificate::Norm;
use ringfence_runtime::noise::{Generator, Noise, Normal, Purpose, Seed};
use ringfence_runtime::smooth::{Budget, Error, Image, Smoother};
use ringfence_runtime::{Backend, Executor, Model};
use sha2::{Digest, Sha256};

use super::{Networks, compile_adaptive};
use crate::certificate::{Scheme, Smoothing, Table, two_stage};
use crate::compile::Options;
use crate::compile::inspect::inspect;
use crate::compile::meta::Meta;
use crate::compile::tests::Pictures;
use crate::data::Dataset;
use crate::onnx::{FloatModel, parse};
use networks::{classifier, mask, resnet20, unet};

const SHAPE: [usize; 3] = [3, 12, 8];
const PIXELS: usize = 96;
const SEED: Seed = Seed([7; 32]);
const SIGMA: f64 = 0.25;

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
        let b = ((w * s1 * s1) << 31) / (255 * 255 * s2 * s2 + w * w * s1 * s1);
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
