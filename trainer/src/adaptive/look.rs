//! One draw: images, their own noises, the mask.

use super::steps::{Seen, one_step, two_steps};
use crate::methods::Batch;
use crate::nets::{Mask, MaskSpec, Path};
use burn::tensor::Tensor;

/// What the classifier is shown of `batch` in draw `draw`, whose noises are the batch's copies `2 draw` and `2 draw + 1`.
/// Gradients reach the weights of a mask on an autodiff device if `learned`.
#[must_use]
pub fn look(
    (mask, spec): (&Mask, MaskSpec),
    batch: &Batch,
    (draw, path, learned): (u32, Path, bool),
) -> Seen {
    let on = |t: Tensor<4>| if learned { t.autodiff() } else { t };
    look_at((mask, spec), on(batch.images.clone()), |step| on(batch.noise(2 * draw + step)), path)
}

/// The same for `images` and `noise(step)`, of deviation sigma, for step 0 and, where there are two, 1.
#[must_use]
pub fn look_at(
    (mask, spec): (&Mask, MaskSpec),
    images: Tensor<4>,
    noise: impl Fn(u32) -> Tensor<4>,
    path: Path,
) -> Seen {
    match spec.split() {
        Some(split) => two_steps(images, [noise(0), noise(1)], split, |first| mask.forward(first, path)),
        None => {
            let weights = mask.forward(images.clone(), path);
            one_step(images, noise(0), weights)
        }
    }
}
