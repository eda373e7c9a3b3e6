//! Statistics of the noise, its gradients, and networks with it.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::nets::tests::{SMALL, collect, difference, floats, images, spec, train};
use crate::nets::{Network, Pass, Path, ResNet};
use burn::module::{Module, Param};
use burn::tensor::{Int, TensorData};

const NOISES: [&str; 8] = [
    "pni-w-layer",
    "pni-w-channel",
    "pni-w-element+pni-a-in-channel",
    "pni-a-in-element",
    "pni-a-out-layer",
    "pni-a-out-element+cni-w",
    "cni-w+pni-input",
    "input:0.25",
];

fn tensor(values: &[f32], shape: [usize; 4]) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
}

fn draw(index: u64) -> Draw {
    Draw { seed: 4, index }
}

/// Second moments of `noise` over draws.
fn covariance(count: usize, noise: impl Fn(Draw) -> Vec<f32>) -> Vec<f64> {
    let (draws, mut sums) = (40_000, vec![0.0; count * count]);
    for index in 0..draws {
        let noise = noise(draw(index));
        for (at, sum) in sums.iter_mut().enumerate() {
            *sum += f64::from(noise[at / count]) * f64::from(noise[at % count]) / f64::from(draws as u32);
        }
    }
    sums
}

/// `alpha^2 std(v)^2`, independent.
#[test]
fn parametric_noise_has_its_variance() {
    let v = tensor(&[1.0, 2.0, 4.0, 5.0], [2, 2, 1, 1]);
    let variance = 10.0 / 3.0;
    let mut pni = Pni::new([2, 1, 1, 1], 7, &Device::flex());
    pni.alpha = Param::from_tensor(tensor(&[0.25, -0.5], [2, 1, 1, 1]));
    let found = covariance(4, |draw| floats(pni.perturb(v.clone(), draw) - v.clone()));
    for (at, found) in found.iter().enumerate() {
        let strength: f64 = if at / 4 < 2 { 0.25 } else { 0.5 };
        let expected = if at / 4 == at % 4 { strength.powi(2) * variance } else { 0.0 };
        assert!((found - expected).abs() < 0.02 * variance * 0.5, "{at}: {found} {expected}");
    }
}

/// `diag(|std(w) a|) + F F^T`.
#[test]
fn coloured_noise_has_its_covariance() {
    let w = tensor(&[1.0, 2.0, 4.0, 5.0], [2, 2, 1, 1]);
    let (deviation, diagonal) = ((10.0f64 / 3.0).sqrt(), [0.1f64, -0.2, 0.05, 0.3]);
    let factor: Vec<f32> = (0..4 * RANK).map(|i| 0.3 * ((i * i) as f32).sin()).collect();
    let mut cni = Cni::new(4, 7, &Device::flex());
    cni.diagonal = Param::from_tensor(Tensor::from_floats(diagonal, &Device::flex()));
    let data = TensorData::new(factor.clone(), [4, RANK]);
    cni.factor = Param::from_tensor(Tensor::from_data(data, &Device::flex()));
    let found = covariance(4, |draw| floats(cni.perturb(w.clone(), draw) - w.clone()));
    for (at, found) in found.iter().enumerate() {
        let (i, j) = (at / 4, at % 4);
        let common: f64 =
            (0..RANK).map(|r| f64::from(factor[i * RANK + r]) * f64::from(factor[j * RANK + r])).sum();
        let single = if i == j { deviation * diagonal[i].abs() } else { 0.0 };
        assert!((found - common - single).abs() < 0.02, "{at}: {found} {}", common + single);
    }
}

#[test]
fn a_draw_fixes_the_logits() {
    let device = Device::flex();
    for noise in NOISES {
        for (net, input) in SMALL {
            let (quiet, spec) = (spec(net, input, "none"), spec(net, input, noise));
            let net = Network::new(&spec, &device, 3);
            let x = images(&spec, 2, &device);
            let logits = |draw| floats(net.forward(&spec, x.clone(), Pass { path: Path::Fused, draw }));
            assert_eq!(logits(Some(draw(1))), logits(Some(draw(1))));
            assert_ne!(logits(Some(draw(1))), logits(Some(draw(2))), "{noise}");
            let without = Network::new(&quiet, &device, 3);
            let without = floats(without.forward(&quiet, x.clone(), Pass::quiet(Path::Fused)));
            assert_eq!(logits(None), without, "{noise}");
        }
    }
}

/// Not so for noise on activations, whose deviation is that of the batch.
#[test]
fn the_first_images_do_not_see_the_others() {
    let device = Device::flex();
    let spec = spec("resnet8", [3, 8, 8], "cni-w+input:0.3");
    let net = Network::new(&spec, &device, 3);
    let pass = Pass { path: Path::Fused, draw: Some(draw(1)) };
    let x = images(&spec, 3, &device);
    let all = floats(net.forward(&spec, x.clone(), pass));
    let two = floats(net.forward(&spec, x.narrow(0, 0, 2), pass));
    assert!(difference(&two, &all[..10]) < 1e-5);
}

#[test]
fn fused_equals_stock_with_noise() {
    for noise in NOISES {
        for (net, input) in [("resnet8", [3, 8, 8]), ("wrn-10-1", [3, 8, 8]), ("madry-mnist", [1, 9, 8])] {
            let spec = spec(net, input, noise);
            let [fused, stock] = [Path::Fused, Path::Stock]
                .map(|path| train(&spec, Pass { path, draw: Some(draw(1)) }, false));
            assert_eq!(fused.len(), stock.len());
            for (i, (a, b)) in fused.iter().zip(&stock).enumerate() {
                let off = difference(a, b);
                assert!(off < 5e-3, "{net} {noise}: tensor {i}: {off}");
            }
        }
    }
}

type Pick = fn(&mut ResNet) -> &mut Pni;

/// Central differences of one strength in f32 with step 1e-3: within 0.5 % of the analytic gradient. Of the last
/// layer, after which no ReLU switches and no deviation of a later activation moves.
#[test]
fn strengths_have_the_gradient_of_finite_differences() {
    let cases: [(&str, Pick); 3] = [
        ("pni-w-layer", |net| net.head_noise.weight.as_mut().unwrap()),
        ("pni-a-in-layer", |net| net.head_noise.input.as_mut().unwrap()),
        ("pni-a-out-layer", |net| net.head_noise.output.as_mut().unwrap()),
    ];
    let (device, step) = (Device::flex().autodiff(), 1e-3);
    let pass = Pass { path: Path::Fused, draw: Some(draw(1)) };
    let weights = Tensor::<1, Int>::arange(0..15, &device).float().reshape([3, 5]).sin();
    for (i, (noise, pick)) in cases.into_iter().enumerate() {
        let spec = spec("resnet8", [3, 8, 8], noise);
        let net = Network::new(&spec, &device, 3).freeze().set_require_grad(true);
        let Network::ResNet(net) = net else { unreachable!() };
        let loss =
            |net: &ResNet| (net.forward(&spec, images(&spec, 3, &device), pass) * weights.clone()).sum();
        let gradients = loss(&net).backward();
        let analytic = floats(pick(&mut net.clone()).alpha.val().grad(&gradients).unwrap())[0];
        let moved = |by: f32| {
            let mut net = net.clone();
            pick(&mut net).alpha = Param::from_tensor(Tensor::full([1; 4], ALPHA + by, &device));
            f64::from(loss(&net).into_scalar::<f32>())
        };
        let numeric = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        let error = (numeric - f64::from(analytic)).abs();
        assert!(error < 0.005 * f64::from(analytic.abs()), "{i} {noise}: {numeric} {analytic}");
    }
}

/// A strength's gradient is that of `v` times `std(v) * eta`, summed, of each layer and of the image.
#[test]
fn strengths_have_the_gradient_of_their_formula() {
    let device = Device::flex().autodiff();
    let spec = spec("resnet8", [3, 8, 8], "pni-w-layer+pni-input");
    let net = Network::new(&spec, &device, 3).freeze().set_require_grad(true);
    let x = images(&spec, 3, &device).require_grad();
    let pass = Pass { path: Path::Fused, draw: Some(draw(1)) };
    let gradients = net.forward(&spec, x.clone(), pass).sin().sum().backward();
    let Network::ResNet(net) = net else { unreachable!() };
    let (first, second) = (&net.blocks[1].first, &net.blocks[2].second);
    // The sources in the order of the layers: stem 2, first block 3 and 4, second 5, 6, 7, third 8, 9, 10.
    let cases = [
        (1, net.image_noise.learned.as_ref(), x),
        (5, first.noise.weight.as_ref(), first.conv.weight.val()),
        (9, second.noise.weight.as_ref(), second.conv.weight.val()),
    ];
    for (source, pni, v) in cases {
        let found = floats(pni.unwrap().alpha.val().grad(&gradients).unwrap())[0];
        let noise = draw(1).normal(source, v.dims(), &device) * deviation(&v);
        let expected = (v.grad(&gradients).unwrap() * noise.without_autodiff()).sum().into_scalar::<f32>();
        assert!((found - expected).abs() < 1e-4 * expected.abs(), "{source}: {found} {expected}");
    }
}

/// Of a smooth function of the noisy weights, by `a`, `F` and the weights, whose deviation is a constant.
#[test]
fn coloured_noise_has_the_gradient_of_its_formula() {
    let device = Device::flex().autodiff();
    let cni = Cni::new(6, 3, &device);
    let w = Tensor::<4>::from_data(
        TensorData::new(vec![0.3f32, -0.1, 0.5, 0.2, -0.4, 0.9], [2, 3, 1, 1]),
        &device,
    );
    let w = w.require_grad();
    let gradients = cni.perturb(w.clone(), draw(9)).sum().backward();
    let [e_d, e_r] =
        [floats(draw(9).normal::<1>(3, [6], &device)), floats(draw(9).normal::<1>(4, [5], &device))];
    let deviation = floats(deviation(&w))[0];
    for (found, e) in floats(cni.diagonal.val().grad(&gradients).unwrap()).into_iter().zip(&e_d) {
        let expected = e * deviation / (2.0 * (deviation * 0.0625 + 1e-8).sqrt());
        assert!((found - expected).abs() < 1e-4 * expected.abs().max(1.0), "{found} {expected}");
    }
    let factor = floats(cni.factor.val().grad(&gradients).unwrap());
    assert!(factor.iter().enumerate().all(|(i, f)| (f - e_r[i % RANK]).abs() < 1e-6));
    assert_eq!(floats(w.grad(&gradients).unwrap()), [1.0; 6]);
}

#[test]
fn strengths_are_counted_and_start_at_their_values() {
    let device = Device::flex();
    let count = |noise| Network::new(&spec("resnet8", [3, 8, 8], noise), &device, 1).parameters();
    let (plain, layers) = (count("none"), 9 + 1);
    assert_eq!(count("pni-w-layer") - plain, layers);
    assert_eq!(count("pni-a-in+pni-input") - plain, layers + 1);
    assert_eq!(count("pni-w-channel") - plain, 16 * 3 + 32 * 3 + 64 * 3 + 5);
    let weights = 3 * 9 * 16 + 2 * 2304 + (16 + 32) * 9 * 32 + 512 + (32 + 64) * 9 * 64 + 2048;
    assert_eq!(count("pni-w-element") - plain, weights + 64 * 5);
    assert_eq!(count("cni-w") - plain, weights * (1 + RANK) + 64 * 5);
    let net = Network::new(&spec("resnet8", [3, 8, 8], "pni-w-layer"), &device, 1);
    let strengths = collect(&net.valid(), None).into_iter().filter(|v| v.as_slice() == [ALPHA]).count();
    assert_eq!(strengths, layers);
}

#[test]
fn names_parse_back() {
    for noise in
        NOISES.into_iter().chain(["none", "pni-w-layer+pni-a-in-channel+pni-a-out-layer+pni-input+input:0.1"])
    {
        let spec: NoiseSpec = noise.parse().unwrap();
        assert_eq!(spec.to_string().parse(), Ok(spec.clone()));
        let json = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<NoiseSpec>(&json).unwrap(), spec);
        assert_eq!(spec.is_none(), noise == "none");
        assert_eq!(spec.is_inside(), !["none", "input:0.25"].contains(&noise));
    }
    assert_eq!("pni-w".parse::<NoiseSpec>().unwrap().to_string(), "pni-w-layer");
    let bad = [
        "",
        "pni",
        "input",
        "input:0",
        "input:-1",
        "input:inf",
        "pni-w-layers",
        "pni-wx",
        "cni-w+pni-w",
        "input:0.1+input:0.2",
        "pni-input+pni-input",
        "none+cni-w",
        "cni-w+",
    ];
    for bad in bad {
        let error = bad.parse::<NoiseSpec>().unwrap_err().to_string();
        assert!(error.contains(&format!("{bad:?}")) && error.contains("pni-a-out-GRAIN"), "{error}");
    }
}
