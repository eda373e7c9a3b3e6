//! Norm balls around images: projection, steepest step, random points.

use super::oracle::each;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Smallest norm that a vector is divided by.
const TINY: f32 = 1e-12;

/// How a perturbation is measured, per image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The largest change of a value.
    Linf,
    /// The root of the sum of squares of all changes.
    L2,
}

impl fmt::Display for Norm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Linf => "linf",
            Self::L2 => "l2",
        })
    }
}

impl Norm {
    /// Each perturbation brought into a ball of its own; never lengthened.
    pub(crate) fn shorten(self, delta: Tensor<4>, radius: &[f32]) -> Tensor<4> {
        let radius = each(radius, &delta).clamp_min(TINY);
        match self {
            Self::Linf => {
                let limit = radius.expand(delta.dims());
                delta.min_pair(limit.clone()).max_pair(limit.neg())
            }
            Self::L2 => Ball { norm: self, epsilon: 1.0 }.shorten(delta / radius.clone()) * radius,
        }
    }
}

/// Perturbations of norm `epsilon` at most, in units of the pixel range `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ball {
    /// The norm.
    pub norm: Norm,
    /// Its bound, at least 0.
    pub epsilon: f64,
}

/// Each image of `x` at Euclidean norm 1; zeros stay.
pub(crate) fn unit(x: Tensor<4>) -> Tensor<4> {
    let length = lengths(x.clone()).clamp_min(TINY);
    x / length
}

/// Euclidean norm of each image of a batch, `[n, 1, 1, 1]`.
pub(crate) fn lengths(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c * h * w]).square().sum_dim(1).sqrt().reshape([n, 1, 1, 1])
}

/// Scalar product of each image of `a` with that of `b`, `[n, 1, 1, 1]`.
pub(crate) fn dots(a: Tensor<4>, b: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = a.dims();
    (a * b).reshape([n, c * h * w]).sum_dim(1).reshape([n, 1, 1, 1])
}

impl Ball {
    /// The nearest point to `x` within the ball around `images` (for L2 along the ray), then clipped to `[0, 1]`,
    /// which never lengthens a perturbation of images in that range.
    #[must_use]
    pub fn project(&self, images: &Tensor<4>, x: Tensor<4>) -> Tensor<4> {
        let delta = self.shorten(x - images.clone());
        (images.clone() + delta).clamp(0.0, 1.0)
    }

    /// `delta` brought to norm `epsilon` where it is longer; never lengthened.
    #[must_use]
    pub fn shorten(&self, delta: Tensor<4>) -> Tensor<4> {
        match self.norm {
            Norm::Linf => delta.clamp(-self.epsilon, self.epsilon),
            Norm::L2 => {
                let factor = lengths(delta.clone()).clamp_min(TINY).recip().mul_scalar(self.epsilon);
                delta * factor.clamp_max(1.0)
            }
        }
    }

    /// The direction of norm 1 in which a linear function of gradient `gradient` rises fastest.
    #[must_use]
    pub fn steepest(&self, gradient: Tensor<4>) -> Tensor<4> {
        match self.norm {
            Norm::Linf => gradient.sign(),
            Norm::L2 => unit(gradient),
        }
    }

    /// The dual norm of each image of `slope`, `[n, 1, 1, 1]`, at least 1e-12: by how much a linear function of that gradient
    /// rises along [`steepest`](Self::steepest).
    #[must_use]
    pub fn dual(&self, slope: &Tensor<4>) -> Tensor<4> {
        let [n, c, h, w] = slope.dims();
        let norm = match self.norm {
            Norm::L2 => lengths(slope.clone()),
            Norm::Linf => slope.clone().abs().reshape([n, c * h * w]).sum_dim(1).reshape([n, 1, 1, 1]),
        };
        norm.clamp_min(TINY)
    }

    /// A perturbation spread uniformly over the ball: from `uniform`, values in `[-1, 1]` (Linf), or from `normal`
    /// directions and `radius`, uniform in `[0, 1]` and one an image (L2).
    #[must_use]
    pub fn random(&self, uniform: Tensor<4>, normal: Tensor<4>, radius: Tensor<4>) -> Tensor<4> {
        match self.norm {
            Norm::Linf => uniform.mul_scalar(self.epsilon),
            Norm::L2 => {
                let [_, c, h, w] = normal.dims();
                let scale = radius.powf_scalar(1.0 / (c * h * w) as f64).mul_scalar(self.epsilon);
                unit(normal) * scale
            }
        }
    }
}
