//! Convolutions with their noise, with and without batch normalisation.

use super::fused::{self, Affine};
use super::pass::{Pass, Path};
use crate::kernels::block::Tail;
use crate::kernels::burn_ops::BlockSpec;
use crate::noise::LayerNoise;
use burn::module::Module;
use burn::nn::BatchNorm;
use burn::nn::conv::Conv2d;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor};

/// Applies `f`, which takes and gives NCHW, to images in the layout of `path`.
pub(super) fn nchw(x: Tensor<4>, path: Path, f: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    match path {
        Path::Fused => f(x.permute([0, 3, 1, 2])).permute([0, 2, 3, 1]),
        Path::Stock => f(x),
    }
}

/// Batch normalisation of images in the layout of `path`, by Burn's own operations.
pub(super) fn normalise(norm: &BatchNorm, x: Tensor<4>, path: Path) -> Tensor<4> {
    match path {
        Path::Fused => {
            let dims @ [.., channels] = x.dims();
            norm.forward(x.reshape([-1, channels as i32])).reshape(dims)
        }
        Path::Stock => norm.forward(x),
    }
}

/// The convolution with its bias, in the layout of `path`.
fn convolve(conv: &Conv2d, x: Tensor<4>, weight: Tensor<4>, path: Path) -> Tensor<4> {
    match path {
        Path::Fused => fused::plain(conv, x, weight, None, false),
        Path::Stock => {
            let pad = fused::window(conv).pad;
            let options = ConvOptions::new(conv.stride, [pad, pad], conv.dilation, conv.groups);
            conv2d(x, weight, conv.bias.as_ref().map(|b| b.val()), options)
        }
    }
}

/// `relu(y + residual)`, each if asked for.
fn finish(y: Tensor<4>, residual: Option<Tensor<4>>, relu_after: bool) -> Tensor<4> {
    let y = if let Some(r) = residual { y + r } else { y };
    if relu_after { relu(y) } else { y }
}

/// The input and the weights of a convolution with the noise of a pass.
fn noisy(conv: &Conv2d, noise: &LayerNoise, x: Tensor<4>, pass: Pass) -> (Tensor<4>, Tensor<4>) {
    let weight = noise.on_weight(conv.weight.val(), pass.draw);
    let x = if noise.input.is_some() { nchw(x, pass.path, |x| noise.on_input(x, pass.draw)) } else { x };
    (x, weight)
}

/// Whether noise stands between the convolution and what follows it, so that they cannot be one operation.
fn interrupted(noise: &LayerNoise, pass: Pass) -> bool {
    noise.output.is_some() && pass.draw.is_some()
}

/// Convolution, batch normalisation, and what may follow them.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// The convolution, weights `[out, in, side, side]`.
    pub conv: Conv2d,
    /// The normalisation.
    pub norm: BatchNorm,
    /// The noise.
    pub noise: LayerNoise,
}

impl ConvNorm {
    /// `relu(norm(conv(x)) + residual)`, the last two if asked for, in the layout of the pass.
    #[must_use]
    pub fn forward(
        &self,
        x: Tensor<4>,
        residual: Option<Tensor<4>>,
        relu_after: bool,
        pass: Pass,
    ) -> Tensor<4> {
        let (x, weight) = noisy(&self.conv, &self.noise, x, pass);
        if pass.path == Path::Fused && !interrupted(&self.noise, pass) {
            return self.fused(x, weight, residual, relu_after);
        }
        let y = convolve(&self.conv, x, weight, pass.path);
        let y = nchw(y, pass.path, |y| self.noise.on_output(y, pass.draw));
        finish(normalise(&self.norm, y, pass.path), residual, relu_after)
    }

    fn fused(&self, x: Tensor<4>, weight: Tensor<4>, residual: Option<Tensor<4>>, relu: bool) -> Tensor<4> {
        let device = x.device();
        let batch_statistics = device.is_autodiff() && self.norm.training.is_enabled();
        let tail = Tail { epsilon: self.norm.epsilon, relu, batch_statistics };
        let [mean, variance] = self.running(&device, batch_statistics);
        let norm = Affine {
            gamma: self.norm.gamma.val(),
            beta: self.norm.beta.val(),
            mean: mean.clone(),
            variance: variance.clone(),
        };
        let spec = BlockSpec { window: fused::window(&self.conv), tail };
        let (out, [batch_mean, batch_variance]) = fused::block(x, weight, norm, residual, spec);
        if batch_statistics {
            self.norm.running_mean.update(self.blend(mean, batch_mean));
            self.norm.running_var.update(self.blend(variance, batch_variance));
        }
        out
    }

    fn running(&self, device: &Device, pending: bool) -> [Tensor<1>; 2] {
        let (mean, variance) = (&self.norm.running_mean, &self.norm.running_var);
        let read = if pending {
            [mean.value_sync(), variance.value_sync()]
        } else {
            [mean.value(), variance.value()]
        };
        read.map(|t| t.to_device(device))
    }

    /// Exponential moving average of the statistics, as Burn's own layer keeps it.
    fn blend(&self, old: Tensor<1>, new: Tensor<1>) -> Tensor<1> {
        let momentum = self.norm.momentum;
        (old.mul_scalar(1.0 - momentum) + new.detach().mul_scalar(momentum)).detach()
    }
}

/// Convolution, with a bias or without, and what may follow it.
#[derive(Module, Debug)]
pub struct Convolution {
    /// The convolution, weights `[out, in, side, side]`.
    pub conv: Conv2d,
    /// The noise.
    pub noise: LayerNoise,
}

impl Convolution {
    /// `relu(conv(x) + residual)`, the last two if asked for, in the layout of the pass.
    #[must_use]
    pub fn forward(
        &self,
        x: Tensor<4>,
        residual: Option<Tensor<4>>,
        relu_after: bool,
        pass: Pass,
    ) -> Tensor<4> {
        let (x, weight) = noisy(&self.conv, &self.noise, x, pass);
        if pass.path == Path::Fused && !interrupted(&self.noise, pass) {
            return fused::plain(&self.conv, x, weight, residual, relu_after);
        }
        let y = convolve(&self.conv, x, weight, pass.path);
        finish(nchw(y, pass.path, |y| self.noise.on_output(y, pass.draw)), residual, relu_after)
    }
}
