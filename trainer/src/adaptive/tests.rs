//! The steps against their formulas by hand and by moments; gradients of masks; what a frozen classifier keeps.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::methods::{Batch, Carry, Choice, Model};
use crate::nets::tests::{collect, floats};
use crate::nets::{Architecture, Defence, Mask, MaskSpec, NetSpec, Path};
use crate::noise::NoiseSpec;
use crate::random::{Normals, Stream, stream};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};

const SIGMA: f32 = 0.25;

fn tensor(values: Vec<f32>, dims: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, dims), &Device::flex())
}

fn normal(count: usize, index: u32) -> Vec<f32> {
    let mut random = Normals::new(stream(3, Stream::Evaluation { index }));
    (0..count).map(|_| SIGMA * random.draw()).collect()
}

/// Mean and variance of values, and how many there are.
fn moments(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n, n)
}

/// Every pixel of the mix minus the image, by the mask's weight there.
fn errors(weights: &[f32], split: f64) -> Vec<(f32, Vec<f64>)> {
    const COPIES: usize = 600;
    let side = 16;
    let dims = [COPIES, 3, side, side];
    let count = COPIES * 3 * side * side;
    let pixels: Vec<f32> = (0..count).map(|i| (i % 97) as f32 / 97.0).collect();
    let weight = |i: usize| weights[i % (side * side) % weights.len()];
    let plane: Vec<f32> = (0..side * side).map(weight).collect();
    let mask = tensor(plane, [1, 1, side, side]).expand([COPIES, 1, side, side]);
    let noises = [1, 2].map(|index| tensor(normal(count, index), dims));
    let shown = floats(two_steps(tensor(pixels.clone(), dims), noises, split, |_| mask).shown);
    let mut levels: Vec<f32> = weights.to_vec();
    levels.sort_by(f32::total_cmp);
    levels.dedup();
    let of = |level: f32| {
        let at = (0..count).filter(|&i| weight(i) == level);
        (level, at.map(|i| f64::from(shown[i]) - f64::from(pixels[i])).collect())
    };
    levels.into_iter().map(of).collect()
}

/// What plain smoothing draws, for any share of the first step.
#[test]
fn a_mask_of_ones_gives_noise_of_deviation_sigma() {
    for split in [0.5, 0.2, 0.85] {
        let (_, errors) = errors(&[1.0], split).remove(0);
        let (mean, variance, n) = moments(&errors);
        let expected = f64::from(SIGMA).powi(2);
        assert!(mean.abs() < 5.0 * f64::from(SIGMA) / n.sqrt(), "{split}: {mean}");
        assert!((variance / expected - 1.0).abs() < 5.0 * (2.0 / n).sqrt(), "{split}: {variance}");
    }
}

#[test]
fn the_mix_is_unbiased_and_of_the_stated_variance() {
    let masks: [&[f32]; 4] = [&[1.0, 0.0, 0.0, 0.0], &[0.9, 0.3, 0.1], &[0.02, 1.0], &[0.4]];
    for (weights, split) in masks.into_iter().zip([0.5, 0.3, 0.7, 0.5]) {
        // The period of the weights divides no row: their shares are counted, not assumed.
        let plane: Vec<f64> = (0..256).map(|i| f64::from(weights[i % weights.len()])).collect();
        let square = plane.iter().map(|w| w * w).sum::<f64>() / 256.0;
        for (weight, errors) in errors(weights, split) {
            let (mean, variance, n) = moments(&errors);
            let w = f64::from(weight);
            let expected = f64::from(SIGMA).powi(2) * square / (split * square + (1.0 - split) * w * w);
            assert!(mean.abs() < 5.0 * (expected / n).sqrt(), "{weights:?} at {w}: {mean}");
            let off = (variance / expected - 1.0).abs();
            assert!(off < 5.0 * (2.0 / n).sqrt(), "{weights:?} at {w}: {variance}, expected {expected}");
        }
    }
}

/// Two pixels, by hand: m1 = (.6, .05), q = .625, m2 = (.5 + .3 sqrt(1.25), .125 + .1 sqrt(1.25)), with sqrt(2) in the noise.
#[test]
fn a_tiny_mix_by_hand() {
    let root = std::f32::consts::SQRT_2;
    let pair = |a: f32, b: f32| tensor(vec![a, b], [1, 1, 1, 2]);
    let noises = [pair(0.1 / root, -0.2 / root), pair(0.3, 0.1)];
    let seen = two_steps(pair(0.5, 0.25), noises, 0.5, |first| {
        assert!(floats(first).iter().zip([0.6, 0.05]).all(|(a, b)| (a - b).abs() < 1e-6));
        pair(1.0, 0.5)
    });
    let scale = 1.25f64.sqrt();
    let (a, b) = (0.5 + 0.3 * scale, 0.125 + 0.1 * scale);
    let by_hand = [(0.625 * 0.6 + a) / 1.625, (0.625 * 0.05 + 0.5 * b) / 0.875];
    for (found, expected) in floats(seen.shown).iter().zip(by_hand) {
        assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
    }
    let seen = one_step(pair(0.5, 0.25), pair(0.3, 0.1), pair(1.0, 0.5));
    let scale = 0.625f64.sqrt();
    for (found, expected) in floats(seen.shown).iter().zip([0.5 + 0.3 * scale, 0.125 + 0.1 * scale]) {
        assert!((f64::from(*found) - expected).abs() < 1e-6, "{found} {expected}");
    }
}

fn spec(mask: &str) -> NetSpec {
    NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 16, 16],
        classes: (0..4).map(|i| i.to_string()).collect(),
        mean: vec![0.5; 3],
        deviation: vec![0.3; 3],
        noise: NoiseSpec::default(),
        mask: Some(mask.parse().unwrap()),
    }
}

fn defence(mask: &str) -> Defence {
    Defence::new(&spec(mask), &Device::flex().autodiff(), 7)
}

/// Five images with labels 0, 1, 2, 3, 0.
fn batch() -> Batch {
    let mut random = Normals::new(stream(11, Stream::Weights));
    let pixels = (0..5 * 768).map(|_| (0.5 + 0.2 * random.draw()).clamp(0.1, 0.9)).collect();
    Batch {
        images: tensor(pixels, [5, 3, 16, 16]),
        labels: Tensor::<1, Int>::from_data([0, 1, 2, 3, 0], &Device::flex()),
        ids: vec![3, 9, 27, 81, 243],
        epoch: 2,
        progress: 2.5,
        seed: 5,
        sigma: SIGMA,
        objects: Some(tensor((0..5 * 256).map(|i| f32::from(on_object(i))).collect(), [5, 1, 16, 16])),
    }
}

/// Whether a pixel of the batch is on an object: a square that is elsewhere in each image.
fn on_object(i: usize) -> bool {
    let (image, y, x) = (i / 256, i / 16 % 16, i % 16);
    (image..image + 6).contains(&y) && (2 * image..2 * image + 6).contains(&x)
}

fn loss_of(method: &str, changes: &[&str], spec: &NetSpec, defence: &Defence) -> Tensor<1> {
    let changes: Vec<String> = changes.iter().map(|c| (*c).into()).collect();
    let choice = Choice::new(method, &changes).unwrap();
    let model = Model::new(&defence.net, spec, Path::Fused, 5, 40).behind(defence.mask.as_ref());
    choice.objective().loss(&model, &batch(), &mut Carry::default())
}

/// The mask and the mix recomputed in f64 from the batch's own noise; the loss from the classifier's logits.
#[test]
fn losses_by_hand() {
    for (mask, method) in [("unet:2", "ars"), ("static", "static-mask")] {
        let (spec, defence, batch) = (spec(mask), defence(mask), batch());
        let f64s = |t: Tensor<4>| floats(t).into_iter().map(f64::from).collect::<Vec<_>>();
        let (x, n) = (f64s(batch.images.clone()), [0, 1].map(|copy| f64s(batch.noise(copy))));
        let root = std::f64::consts::SQRT_2;
        let m1: Vec<f64> = x.iter().zip(&n[0]).map(|(x, n)| x + root * n).collect();
        let first = tensor(m1.iter().map(|v| *v as f32).collect(), [5, 3, 16, 16]);
        let module = defence.mask.as_ref().unwrap();
        let w = f64s(module.forward(first.autodiff(), Path::Stock).inner());
        let weight = |i: usize| w[i / 768 * 256 + i % 256];
        let square = |i: usize| w[i / 768 * 256..][..256].iter().map(|w| w * w).sum::<f64>() / 256.0;
        let mix = |i: usize| {
            let (w, q) = (weight(i), square(i));
            if method == "static-mask" {
                return w * x[i] + q.sqrt() * n[0][i];
            }
            (q * m1[i] + w * (w * x[i] + (2.0 * q).sqrt() * n[1][i])) / (q + w * w)
        };
        let shown = tensor((0..x.len()).map(|i| mix(i) as f32).collect(), [5, 3, 16, 16]);
        let model = Model::new(&defence.net, &spec, Path::Fused, 5, 40);
        let rows = model.logits(shown).inner().into_data().iter::<f32>().map(f64::from).collect::<Vec<_>>();
        let entropy = |(z, label): (&[f64], usize)| z.iter().map(|v| v.exp()).sum::<f64>().ln() - z[label];
        let entropy = rows.chunks(4).zip([0, 1, 2, 3, 0]).map(entropy).sum::<f64>() / 5.0;
        let off = (0..x.len()).map(|i| (mix(i) - x[i]).powi(2)).sum::<f64>() / x.len() as f64;
        let check = |changes: &[&str], expected: f64| {
            let found = f64::from(loss_of(method, changes, &spec, &defence).into_scalar::<f32>());
            assert!((found - expected).abs() < 2e-4 * expected, "{method} {changes:?}: {found} {expected}");
        };
        check(&[], entropy);
        if method == "ars" {
            check(&["reconstruction=3"], entropy + 3.0 * off);
            let miss = |(i, w): (usize, &f64)| -if on_object(i) { w.ln() } else { (1.0 - w).ln() };
            let misses = w.iter().enumerate().map(miss).sum::<f64>() / w.len() as f64;
            check(&["supervision=2"], entropy + 2.0 * misses);
        }
    }
}

/// The gradients of all tracked parameters, parameter by parameter in the order of visits.
struct Slopes<'a> {
    gradients: &'a GradientsParams,
    found: Vec<Option<Vec<f32>>>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(param.id);
        self.found.push(gradient.map(|g| g.into_data().iter::<f32>().collect()));
    }
}

/// Adds `step` times the direction of each parameter that has one.
struct Move<'a> {
    directions: &'a [Option<Vec<f32>>],
    step: f32,
    next: usize,
}

impl ModuleMapper for Move<'_> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let direction = &self.directions[self.next];
        self.next += 1;
        let Some(direction) = direction else { return param };
        param.map(|t| {
            let shape = t.shape();
            let values: Vec<f32> =
                t.into_data().iter::<f32>().zip(direction).map(|(v, d)| v + self.step * d).collect();
            let device = Device::flex();
            Tensor::<1>::from_data(values.as_slice(), &device).reshape(shape).autodiff().require_grad()
        })
    }
}

/// The slope of the loss along the gradient of all parameters of the mask is the gradient's length. One element moved
/// alone would tell less: every ReLU has a kink, and a batch of five has steep normalisations.
fn check_gradients(method: &str, changes: &[&str], mask: &str, frozen: bool) {
    let (spec, defence) = (spec(mask), defence(mask));
    let gradients = loss_of(method, changes, &spec, &defence).backward();
    if frozen {
        assert!(collect(&defence.net, Some(&gradients)).is_empty(), "{method}: the classifier learns");
    }
    let module = defence.mask.as_ref().unwrap();
    let found = GradientsParams::from_grads(gradients, module);
    let mut slopes = Slopes { gradients: &found, found: vec![] };
    module.visit(&mut slopes);
    let square = slopes.found.iter().flatten().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>();
    let length = square.sqrt();
    assert!(length > 1e-3 && slopes.found.iter().flatten().count() > 40, "{method}: {length}");
    slopes.found.iter_mut().flatten().flatten().for_each(|g| *g /= length as f32);
    let at = |step: f32| {
        let moved = module.valid().train().map(&mut Move { directions: &slopes.found, step, next: 0 });
        let moved = Defence { net: defence.net.valid().train(), mask: Some(moved) };
        f64::from(loss_of(method, changes, &spec, &moved).into_scalar::<f32>())
    };
    // Normalisations of five images bend the loss: longer steps leave its slope.
    let h = 1.25e-4f32;
    let numeric = (at(h) - at(-h)) / (2.0 * f64::from(h));
    let off = (numeric / length - 1.0).abs();
    assert!(off < 0.04, "{method}: {length}, difference {numeric}");
}

#[test]
fn gradients_of_masks_are_the_slopes_of_the_loss() {
    check_gradients("ars", &[], "unet:2", false);
    check_gradients("ars", &["supervision=3", "reconstruction=2"], "unet:2", false);
    check_gradients("ars-mask", &[], "unet:2", true);
}

/// A plane's elements matter little one by one: along the gradient itself.
#[test]
fn the_gradient_of_a_plane_is_the_slope_of_the_loss() {
    let (spec, defence) = (spec("static"), defence("static"));
    let Some(Mask::Static(mask)) = defence.mask.clone() else { unreachable!() };
    let gradients = loss_of("static-mask", &[], &spec, &defence).backward();
    let gradient = mask.plane.val().grad(&gradients).unwrap();
    let length = gradient.clone().square().sum().into_scalar::<f32>();
    let at = |step: f32| {
        let plane = (mask.plane.val().inner() + gradient.clone().mul_scalar(step)).autodiff();
        let moved = Mask::Static(crate::nets::StaticMask { plane: Param::from_tensor(plane) });
        let moved = Defence { net: defence.net.valid().train(), mask: Some(moved) };
        f64::from(loss_of("static-mask", &[], &spec, &moved).into_scalar::<f32>())
    };
    let step = 0.02 / length.sqrt();
    let numeric = (at(step) - at(-step)) / (2.0 * f64::from(step));
    assert!((numeric / f64::from(length) - 1.0).abs() < 0.05, "{length}, difference {numeric}");
}

#[test]
fn what_is_shown_belongs_to_the_image_and_not_to_its_place() {
    let whole = batch();
    for mask in ["unet:2", "static"] {
        let (spec, mask) = (spec(mask).mask.unwrap(), defence(mask).valid().mask.unwrap());
        let show = |b: &Batch, draw| look((&mask, spec), b, (draw, Path::Fused, false)).shown;
        let parts = Tensor::cat(whole.shares(2).iter().map(|b| show(b, 1)).collect(), 0);
        assert_eq!(parts.into_data(), show(&whole, 1).into_data());
        assert_ne!(show(&whole, 0).into_data(), show(&whole, 1).into_data());
    }
    // Without noise the mix is the image, whatever the mask.
    let (spec, mask) = (spec("unet:2").mask.unwrap(), defence("unet:2").valid().mask.unwrap());
    let clean = Batch { sigma: 0.0, ..whole.clone() };
    let shown = floats(look((&mask, spec), &clean, (0, Path::Fused, false)).shown);
    assert!(shown.iter().zip(floats(whole.images)).all(|(a, b)| (a - b).abs() < 1e-5));
}

#[test]
fn masks_are_named_and_refused_by_name() {
    for text in ["unet:8", "unet:256", "static"] {
        let mask: MaskSpec = text.parse().unwrap();
        assert_eq!(mask.to_string(), text);
        assert_eq!(serde_json::from_str::<MaskSpec>(&serde_json::to_string(&mask).unwrap()).unwrap(), mask);
    }
    for text in ["unet", "unet:", "unet:0", "unet:257", "unet:x", "Static", ""] {
        let error = text.parse::<MaskSpec>().unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")) && error.contains("unet:BASE"), "{error}");
    }
    let mask: MaskSpec = "unet:8".parse().unwrap();
    assert_eq!(mask.with_split(0.25).unwrap().split(), Some(0.25));
    for split in [0.0, 1.0, f64::NAN] {
        assert!(mask.with_split(split).unwrap_err().to_string().contains("0.01 to 0.99"));
    }
    assert!(MaskSpec::Static.with_split(0.5).unwrap_err().to_string().contains("one step"));
    for side in [8, 20, 36] {
        let error = mask.check([3, 64, side]).unwrap_err().to_string();
        assert!(error.contains("unet:8") && error.contains("multiples of 8"), "{error}");
    }
    assert!(mask.check([3, 16, 40]).is_ok() && MaskSpec::Static.check([1, 5, 7]).is_ok());
}
