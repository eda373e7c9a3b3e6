//! What decisions alone give: a first image that fools, and the place on the way back where the class changes.

use super::ball::Norm;
use super::found::norms;
use super::oracle::{Oracle, pick};
use super::rounds::rounds;
use crate::methods::Batch;
use burn::tensor::Tensor;

/// For each image of `batch` itself if it is given another class than `labels`, else the first of up to `tries` uniformly
/// random images that is, else itself; and whether there is one. Asks `1 + tries` times at most.
pub(super) fn first_fooling(
    oracle: &Oracle,
    batch: &Batch,
    labels: &[i32],
    tries: u32,
) -> (Tensor<4>, Vec<bool>) {
    rounds(oracle, (&batch.images, labels), tries, None, &|attempt, _| {
        batch.start_uniform(attempt).add_scalar(1.0).mul_scalar(0.5)
    })
}

/// Halves `halvings` times the way from `images` to `x`, which fools: along the ray in L2, by balls ever smaller in
/// L-infinity. Returns the nearest that fooled.
pub(super) fn approach(
    oracle: &Oracle,
    norm: Norm,
    (images, labels): (&Tensor<4>, &[i32]),
    x: Tensor<4>,
    halvings: u32,
) -> Tensor<4> {
    let delta = x.clone() - images.clone();
    let mut high = norms(norm, delta.clone());
    let mut low = vec![0.0f32; high.len()];
    let mut nearest = x;
    for _ in 0..halvings {
        let middle: Vec<f32> = low.iter().zip(&high).map(|(l, h)| 0.5 * (l + h)).collect();
        let candidate = (images.clone() + norm.shorten(delta.clone(), &middle)).clamp(0.0, 1.0);
        let fooled = oracle.fooled(&candidate, labels);
        nearest = pick(&fooled, candidate, nearest);
        for (((low, high), middle), fooled) in low.iter_mut().zip(&mut high).zip(middle).zip(fooled) {
            *(if fooled { high } else { low }) = middle;
        }
    }
    nearest
}

/// Where both hold.
pub(super) fn both(one: &[bool], other: &[bool]) -> Vec<bool> {
    one.iter().zip(other).map(|(a, b)| *a && *b).collect()
}
