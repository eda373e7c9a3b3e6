//! Noise that is part of a network and stays on at inference.
//!
//! Burn's own noise layers draw only in training; the defences here need their noise in every evaluated
//! pass: noise on the image (Cohen et al. 2019), parametric noise injection (PNI: He, Rakin and Fan,
//! CVPR 2019) and coloured noise injection (CNI: Zheltonozhskii et al. 2020, the base of Nemcovsky et al.,
//! arXiv 1911.07198). [`NoiseSpec`] says which a network has; the values of a pass come from its [`Draw`].

mod cni;
mod draw;
mod image;
mod layer;
mod pni;
mod spec;

#[cfg(test)]
mod tests;

pub use cni::{Cni, RANK};
pub use draw::Draw;
pub use image::ImageNoise;
pub use layer::{LayerNoise, Sites};
pub use pni::{ALPHA, Pni};
pub use spec::{Grain, NoiseSpec, UnknownNoise, WeightNoise};

use burn::tensor::{Device, Tensor};

/// A constant or parameter where a pass on `device` computes: parameters off the autodiff device are constants
/// of a pass that is differentiated by its input only.
pub(crate) fn lift<const D: usize>(tensor: Tensor<D>, device: &Device) -> Tensor<D> {
    if device.is_autodiff() { tensor.autodiff() } else { tensor }
}

/// Standard deviation of all values of a tensor with Bessel's correction, no gradient, extents all 1.
fn deviation(values: &Tensor<4>) -> Tensor<4> {
    let flat: Tensor<1> = values.clone().detach().flatten(0, 3);
    // A single value deviates from nothing; the correction would divide by zero.
    let deviation = if flat.dims() == [1] { flat.zeros_like() } else { flat.var(0).sqrt() };
    deviation.reshape([1, 1, 1, 1])
}
