//! The steps of noise. Together they are worth noise of deviation sigma against L-infinity, for every mask.

use burn::tensor::Tensor;

/// Least mean square of a mask: more noise than a darker one needs.
const DARKEST: f32 = 1e-12;

/// What became of images.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Weights of the pixels, `[n, 1, height, width]`.
    pub mask: Tensor<4>,
    /// What the classifier is shown, `[n, channels, height, width]`.
    pub shown: Tensor<4>,
}

/// Mean square of every image's mask, `[n, 1, 1, 1]`.
fn mean_square(mask: &Tensor<4>) -> Tensor<4> {
    let n = mask.dims()[0];
    let square: Tensor<2> = mask.clone().square().reshape([n as i64, -1]);
    square.mean_dim(1).reshape([n, 1, 1, 1]).clamp_min(DARKEST)
}

/// A first noisy copy that the mask network sees, a masked second one, and their unbiased mix of least variance:
///
/// `m1 = x + n1 / sqrt(a)`, `w = mask(m1)`, `m2 = w x + n2 sqrt(q / (1 - a))` with `q` the mean square of `w`, and
/// `(a q m1 + (1 - a) w m2) / (a q + (1 - a) w^2)`, whose variance is `sigma^2 q / (a q + (1 - a) w^2)`.
///
/// `noises` are two independent ones of deviation sigma, `split` is the share `a` of the first step.
pub fn two_steps(
    images: Tensor<4>,
    noises: [Tensor<4>; 2],
    split: f64,
    mask: impl FnOnce(Tensor<4>) -> Tensor<4>,
) -> Seen {
    let [first, second] = noises;
    let first = images.clone() + first.div_scalar(split.sqrt());
    let mask = mask(first.clone());
    let square = mean_square(&mask);
    let rest = 1.0 - split;
    let second = images * mask.clone() + second * square.clone().div_scalar(rest).sqrt();
    let (base, slope) = (square.mul_scalar(split), mask.clone().mul_scalar(rest));
    let total = base.clone() + slope.clone() * mask.clone();
    Seen { shown: (first * base + second * slope) / total, mask }
}

/// One masked noisy copy, `w x + n sqrt(q)`: what a mask that looks at nothing is worth. `noise` has deviation sigma.
#[must_use]
pub fn one_step(images: Tensor<4>, noise: Tensor<4>, mask: Tensor<4>) -> Seen {
    Seen { shown: images * mask.clone() + noise * mean_square(&mask).sqrt(), mask }
}
