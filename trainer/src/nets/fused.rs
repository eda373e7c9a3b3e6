//! The fused CPU block on tensors.

use crate::kernels::block::Tail;
use crate::kernels::burn_ops::{BlockOps, BlockSpec};
use crate::kernels::shape::Window;
use crate::noise::lift;
use burn::backend::Dispatch;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;

/// What a block's convolution is normalised by.
pub(super) struct Affine {
    pub gamma: Tensor<1>,
    pub beta: Tensor<1>,
    pub mean: Tensor<1>,
    pub variance: Tensor<1>,
}

/// The window of a convolution of this crate, whose padding is explicit.
pub(super) fn window(conv: &Conv2d) -> Window {
    let pad = match conv.padding {
        PaddingConfig2d::Explicit(pad, ..) => pad,
        PaddingConfig2d::Valid | PaddingConfig2d::Same => 0,
    };
    Window { side: conv.kernel_size[0], stride: conv.stride[0], pad }
}

/// `relu(norm(conv(x)) + residual)`, NHWC, the last two if asked for; with the mean and variance used.
pub(super) fn block(
    x: Tensor<4>,
    weight: Tensor<4>,
    norm: Affine,
    residual: Option<Tensor<4>>,
    spec: BlockSpec,
) -> (Tensor<4>, [Tensor<1>; 2]) {
    let device = x.device();
    let weight = lift(weight, &device).into_dispatch();
    let [gamma, beta] = [norm.gamma, norm.beta].map(|t| lift(t, &device).into_dispatch());
    let [mean, variance] = [norm.mean, norm.variance].map(Tensor::into_dispatch);
    let x = x.into_dispatch();
    let (out, mean, variance) = match residual {
        None => <Dispatch as BlockOps>::conv_norm(x, weight, gamma, beta, mean, variance, spec),
        Some(r) => {
            let r = r.into_dispatch();
            <Dispatch as BlockOps>::conv_norm_add(x, weight, gamma, beta, mean, variance, r, spec)
        }
    };
    (Tensor::from_dispatch(out), [Tensor::from_dispatch(mean), Tensor::from_dispatch(variance)])
}

/// `relu(conv(x) + bias + residual)`, NHWC, the last three if there are: the block with a normalisation that
/// changes nothing but adds the bias.
pub(super) fn plain(
    conv: &Conv2d,
    x: Tensor<4>,
    weight: Tensor<4>,
    residual: Option<Tensor<4>>,
    relu: bool,
) -> Tensor<4> {
    let (device, [channels, ..]) = (x.device(), weight.dims());
    let zeros = || Tensor::zeros([channels], &device);
    let ones = || Tensor::ones([channels], &device);
    let beta = conv.bias.as_ref().map_or_else(zeros, |b| b.val());
    let norm = Affine { gamma: ones(), beta, mean: zeros(), variance: ones() };
    let tail = Tail { epsilon: 0.0, relu, batch_statistics: false };
    block(x, weight, norm, residual, BlockSpec { window: window(conv), tail }).0
}
