//! The fused path against Burn's own operations.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::random::{Normals, Stream, stream};
use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

fn spec(input: [usize; 3]) -> NetSpec {
    NetSpec {
        architecture: Architecture::ResNet8,
        input,
        classes: (0..5).map(|i| i.to_string()).collect(),
        mean: vec![0.4; input[0]],
        deviation: vec![0.3; input[0]],
    }
}

fn images(spec: &NetSpec, batch: usize, device: &Device) -> Tensor<4> {
    let [c, h, w] = spec.input;
    let mut random = Normals::new(stream(5, Stream::Order { epoch: 0 }));
    let values: Vec<f32> = (0..batch * c * h * w).map(|_| 0.5 + 0.3 * random.draw()).collect();
    Tensor::from_data(TensorData::new(values, [batch, c, h, w]), device)
}

fn floats<const D: usize>(t: Tensor<D>) -> Vec<f32> {
    t.into_data().try_into_vec().unwrap()
}

/// Largest difference over the largest magnitude.
fn difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let scale = b.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    a.iter().zip(b).fold(0.0f32, |m, (a, b)| m.max((a - b).abs())) / scale
}

/// Logits, gradients of all parameters and of the input, and statistics after one training pass.
fn pass(spec: &NetSpec, path: Path, frozen: bool) -> Vec<Vec<f32>> {
    let device = Device::flex().autodiff();
    let net = ResNet::new(spec, &device, 3);
    let net = if frozen { net.freeze().set_require_grad(true) } else { net };
    let x = images(spec, 3, &device).require_grad();
    let logits = net.forward(spec, x.clone(), path);
    let weights = Tensor::<1, Int>::arange(0..15, &device).float().reshape([3, 5]).sin();
    let grads = (logits.clone() * weights).sum().backward();
    let mut out = vec![floats(logits), floats(x.grad(&grads).unwrap())];
    let mut layer = |l: &ConvNorm| {
        out.push(floats(l.conv.weight.val().grad(&grads).unwrap()));
        out.push(floats(l.norm.gamma.val().grad(&grads).unwrap()));
        out.push(floats(l.norm.beta.val().grad(&grads).unwrap()));
        out.push(floats(l.norm.running_mean.value_sync()));
        out.push(floats(l.norm.running_var.value_sync()));
    };
    layer(&net.stem);
    for block in &net.blocks {
        layer(&block.first);
        layer(&block.second);
        block.shortcut.as_ref().map(&mut layer);
    }
    out.push(floats(net.head.weight.val().grad(&grads).unwrap()));
    out
}

#[test]
fn fused_equals_stock_in_training() {
    for input in [[3, 8, 8], [1, 9, 6]] {
        let spec = spec(input);
        let (fused, stock) = (pass(&spec, Path::Fused, false), pass(&spec, Path::Stock, false));
        assert_eq!(fused.len(), stock.len());
        for (i, (a, b)) in fused.iter().zip(&stock).enumerate() {
            assert!(difference(a, b) < 2e-3, "{input:?}: tensor {i}: {}", difference(a, b));
        }
    }
}

#[test]
fn fused_equals_stock_with_fixed_statistics() {
    let spec = spec([3, 8, 8]);
    let (fused, stock) = (pass(&spec, Path::Fused, true), pass(&spec, Path::Stock, true));
    for (i, (a, b)) in fused.iter().zip(&stock).enumerate() {
        assert!(difference(a, b) < 1e-4, "tensor {i}: {}", difference(a, b));
    }
}

#[test]
fn fused_equals_stock_in_evaluation() {
    let spec = spec([3, 8, 8]);
    let device = Device::flex();
    let net = ResNet::new(&spec, &device, 3);
    let x = images(&spec, 4, &device);
    let (fused, stock) =
        (floats(net.forward(&spec, x.clone(), Path::Fused)), floats(net.forward(&spec, x, Path::Stock)));
    assert!(difference(&fused, &stock) < 1e-5, "{}", difference(&fused, &stock));
}

/// What an attack differentiates: parameters that are constants, fixed statistics.
#[test]
fn the_gradient_of_the_input_needs_no_other() {
    let (spec, device) = (spec([3, 8, 8]), Device::flex().autodiff());
    let net = ResNet::new(&spec, &device, 3);
    let gradient = |net: &ResNet, path| {
        let x = images(&spec, 3, &device).require_grad();
        let grads = net.forward(&spec, x.clone(), path).sin().sum().backward();
        floats(x.grad(&grads).unwrap())
    };
    let all = gradient(&net.clone().freeze().set_require_grad(true), Path::Fused);
    let before = floats(net.stem.norm.running_mean.value_sync());
    for path in [Path::Fused, Path::Stock] {
        let only = gradient(&net.valid(), path);
        assert!(difference(&only, &all) < 1e-4, "{path:?}: {}", difference(&only, &all));
    }
    assert_eq!(floats(net.stem.norm.running_mean.value_sync()), before);
}

#[test]
fn names_parse_back() {
    for a in Architecture::ALL {
        assert_eq!(a.name().parse(), Ok(a));
    }
    assert!("resnet9".parse::<Architecture>().unwrap_err().to_string().contains("\"resnet9\""));
}
