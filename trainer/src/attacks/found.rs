//! The best adversarial image found for each image of a batch.

use super::ball::{Norm, lengths};
use super::oracle::{pick, values};
use burn::tensor::Tensor;

/// Norm of each image of `delta`.
#[must_use]
pub fn norms(norm: Norm, delta: Tensor<4>) -> Vec<f32> {
    match norm {
        Norm::L2 => values(lengths(delta)),
        Norm::Linf => {
            let [n, c, h, w] = delta.dims();
            values(delta.abs().reshape([n, c * h * w]).max_dim(1).reshape([n, 1, 1, 1]))
        }
    }
}

/// How many pixels of each image of `delta` are not 0 in some channel.
#[must_use]
pub fn pixels(delta: Tensor<4>) -> Vec<u32> {
    let [n, _, h, w] = delta.dims();
    let changed = delta.abs().max_dim(1).greater_elem(0.0).float();
    values(changed.reshape([n, h * w]).sum_dim(1).reshape([n, 1, 1, 1])).iter().map(|v| *v as u32).collect()
}

/// Whether an image that was found at this distance counts for a ball of size `epsilon`.
pub(super) fn within(distance: f32, epsilon: f64) -> bool {
    distance.is_finite() && f64::from(distance) <= epsilon * (1.0 + 1e-6)
}

/// Adversarial images and how far they are; an image without one stays as it is, at infinity.
#[derive(Debug, Clone)]
pub struct Found {
    /// One image for each.
    pub images: Tensor<4>,
    /// Its distance in the attack's norm, infinite if there is none.
    pub distances: Vec<f32>,
    norm: Norm,
    originals: Tensor<4>,
}

impl Found {
    /// Nothing yet; images that are given another class as they are count as found at distance 0.
    #[must_use]
    pub fn new(norm: Norm, originals: &Tensor<4>, fooled: &[bool]) -> Self {
        let distances = fooled.iter().map(|f| if *f { 0.0 } else { f32::INFINITY }).collect();
        Self { images: originals.clone(), distances, norm, originals: originals.clone() }
    }

    /// Takes those of `candidates` that fool and are nearer than what was found.
    pub fn offer(&mut self, candidates: &Tensor<4>, fooled: &[bool]) {
        let at = norms(self.norm, candidates.clone() - self.originals.clone());
        let better: Vec<bool> =
            fooled.iter().zip(&at).zip(&self.distances).map(|((f, a), d)| *f && a < d).collect();
        if better.iter().any(|b| *b) {
            self.images = pick(&better, candidates.clone(), self.images.clone());
            for ((d, a), b) in self.distances.iter_mut().zip(at).zip(better) {
                if b {
                    *d = a;
                }
            }
        }
    }

    /// Whether there is one for each image.
    #[must_use]
    pub fn success(&self) -> Vec<bool> {
        self.distances.iter().map(|d| d.is_finite()).collect()
    }
}
