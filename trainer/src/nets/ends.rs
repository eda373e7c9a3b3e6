//! What all classifiers have in common: the way in from pixels, and the way out to logits.

use super::pass::{Pass, Path};
use super::spec::NetSpec;
use crate::noise::{Draw, ImageNoise, LayerNoise};
use burn::nn::Linear;
use burn::tensor::module::linear;
use burn::tensor::{Device, Tensor};

/// Images in `[0, 1]`, `[batch, channels, height, width]`, with their noise and then normalised, in the layout of
/// the pass.
pub(super) fn enter(spec: &NetSpec, noise: &ImageNoise, images: Tensor<4>, pass: Pass) -> Tensor<4> {
    let device = images.device();
    let images = noise.perturb(&spec.noise, images, pass.draw);
    let x = (images - per_channel(&spec.mean, &device)) / per_channel(&spec.deviation, &device);
    match pass.path {
        Path::Fused => x.permute([0, 2, 3, 1]),
        Path::Stock => x,
    }
}

fn per_channel(values: &[f32], device: &Device) -> Tensor<4> {
    Tensor::<1>::from_data(values, device).reshape([1, -1, 1, 1])
}

/// Global average pool: `[batch, channels]`.
pub(super) fn average(h: Tensor<4>, path: Path) -> Tensor<2> {
    match path {
        Path::Fused => {
            let [n, height, width, c] = h.dims();
            h.reshape([n, height * width, c]).mean_dim(1).reshape([n, c])
        }
        Path::Stock => {
            let [n, c, height, width] = h.dims();
            h.reshape([n, c, height * width]).mean_dim(2).reshape([n, c])
        }
    }
}

/// A linear layer on `[batch, in]` with its noise.
pub(super) fn dense(layer: &Linear, noise: &LayerNoise, x: Tensor<2>, draw: Option<Draw>) -> Tensor<2> {
    let ([n, inputs], [_, outputs]) = (x.dims(), layer.weight.dims());
    let x = noise.on_input(x.reshape([n, inputs, 1, 1]), draw).reshape([n, inputs]);
    let weight = layer.weight.val().reshape([inputs, outputs, 1, 1]);
    let weight = noise.on_weight(weight, draw).reshape([inputs, outputs]);
    let y = linear(x, weight, layer.bias.as_ref().map(|b| b.val()));
    noise.on_output(y.reshape([n, outputs, 1, 1]), draw).reshape([n, outputs])
}
