//! Convolution with batch normalisation, and the residual block of two of them.

use super::init::Init;
use crate::kernels::block::Tail;
use crate::kernels::burn_ops::{BlockOps, BlockSpec};
use crate::kernels::shape::Window;
use burn::backend::Dispatch;
use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

/// How a network is computed. Both give the same function and gradients up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The fused CPU kernels of [`crate::kernels`], NHWC.
    Fused,
    /// Burn's own operations on any device, NCHW.
    Stock,
}

/// Convolution without bias, batch normalisation, and what may follow them.
#[derive(Module, Debug)]
pub struct ConvNorm {
    /// The convolution, weights `[out, in, side, side]`.
    pub conv: Conv2d,
    /// The normalisation.
    pub norm: BatchNorm,
}

impl ConvNorm {
    /// A layer from `channels_in` to `channels_out`, "same" padding, He-normal weights.
    #[must_use]
    pub fn new([channels_in, channels_out]: [usize; 2], side: usize, stride: usize, init: &mut Init) -> Self {
        let pad = side / 2;
        let mut conv = Conv2dConfig::new([channels_in, channels_out], [side, side])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
            .with_bias(false)
            .init(init.device());
        conv.weight = Param::from_tensor(init.he_normal([channels_out, channels_in, side, side]));
        Self { conv, norm: BatchNormConfig::new(channels_out).init(init.device()) }
    }

    /// `relu(norm(conv(x)) + residual)`, the last two if asked for.
    #[must_use]
    pub fn forward(
        &self,
        x: Tensor<4>,
        residual: Option<Tensor<4>>,
        relu_after: bool,
        path: Path,
    ) -> Tensor<4> {
        match path {
            Path::Fused => self.fused(x, residual, relu_after),
            Path::Stock => {
                let y = self.norm.forward(self.conv.forward(x));
                let y = if let Some(r) = residual { y + r } else { y };
                if relu_after { relu(y) } else { y }
            }
        }
    }

    fn fused(&self, x: Tensor<4>, residual: Option<Tensor<4>>, relu: bool) -> Tensor<4> {
        let [_, _, side, _] = self.conv.weight.shape().dims();
        let batch_statistics = x.device().is_autodiff() && self.norm.training.is_enabled();
        let spec = BlockSpec {
            window: Window { side, stride: self.conv.stride[0], pad: side / 2 },
            tail: Tail { epsilon: self.norm.epsilon, relu, batch_statistics },
        };
        let device = x.device();
        // Parameters off the autodiff device are constants of a pass that is differentiated by its input.
        let lift = |t: Tensor<1>| if device.is_autodiff() { t.autodiff() } else { t }.into_dispatch();
        let weight = self.conv.weight.val();
        let weight = if device.is_autodiff() { weight.autodiff() } else { weight }.into_dispatch();
        let (gamma, beta) = (lift(self.norm.gamma.val()), lift(self.norm.beta.val()));
        let running = self.running(&device, batch_statistics);
        let [mean, variance] = running.clone().map(Tensor::into_dispatch);
        let x = x.into_dispatch();
        let (out, mean, variance) = match residual {
            None => <Dispatch as BlockOps>::conv_norm(x, weight, gamma, beta, mean, variance, spec),
            Some(r) => <Dispatch as BlockOps>::conv_norm_add(
                x,
                weight,
                gamma,
                beta,
                mean,
                variance,
                r.into_dispatch(),
                spec,
            ),
        };
        if batch_statistics {
            let [old_mean, old_variance] = running;
            self.norm.running_mean.update(self.blend(old_mean, Tensor::from_dispatch(mean)));
            self.norm.running_var.update(self.blend(old_variance, Tensor::from_dispatch(variance)));
        }
        Tensor::from_dispatch(out)
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

/// Two 3x3 convolutions and a shortcut: identity, or a 1x1 convolution where the shape changes.
#[derive(Module, Debug)]
pub struct Residual {
    /// First convolution, which carries the stride.
    pub first: ConvNorm,
    /// Second convolution.
    pub second: ConvNorm,
    /// The 1x1 projection, where the shortcut is not the identity.
    pub shortcut: Option<ConvNorm>,
}

impl Residual {
    /// A block from `channels_in` to `channels_out`.
    #[must_use]
    pub fn new([channels_in, channels_out]: [usize; 2], stride: usize, init: &mut Init) -> Self {
        let projects = stride != 1 || channels_in != channels_out;
        Self {
            first: ConvNorm::new([channels_in, channels_out], 3, stride, init),
            second: ConvNorm::new([channels_out, channels_out], 3, 1, init),
            shortcut: projects.then(|| ConvNorm::new([channels_in, channels_out], 1, stride, init)),
        }
    }

    /// The block's output, after its ReLU.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, path: Path) -> Tensor<4> {
        let h = self.first.forward(x.clone(), None, true, path);
        let shortcut = match &self.shortcut {
            Some(s) => s.forward(x, None, false, path),
            None => x,
        };
        self.second.forward(h, Some(shortcut), true, path)
    }
}
