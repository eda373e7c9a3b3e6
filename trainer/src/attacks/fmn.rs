//! Fast minimum-norm attack (Pintor et al. 2021, arXiv:2102.12827, algorithm 1), L2 and L-infinity.

use super::ball::{Ball, Norm, unit};
use super::found::{Found, norms};
use super::objective::margin;
use super::oracle::{Oracle, labels_of, values};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fmn {
    /// Norm to be made small.
    pub norm: Norm,
    /// Steps.
    pub steps: u32,
    /// First length of a step; it falls to a hundredth along a cosine.
    pub step: f64,
    /// First share by which the ball shrinks or grows; it falls to a fiftieth.
    pub gamma: f64,
}

fn cosine(from: f64, to: f64, done: f64) -> f64 {
    to + 0.5 * (from - to) * (1.0 + (core::f64::consts::PI * done).cos())
}

impl Fmn {
    /// The nearest images that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let y = labels_of(labels, images);
        let mut found = Found::new(self.norm, images, &oracle.fooled(images, labels));
        let (ball, mut delta) = (Ball { norm: self.norm, epsilon: 1.0 }, images.zeros_like());
        let mut radius = vec![f32::INFINITY; labels.len()];
        for k in 0..self.steps {
            let done = f64::from(k) / f64::from(self.steps);
            let (step, gamma) =
                (cosine(self.step, self.step / 100.0, done), cosine(self.gamma, self.gamma / 50.0, done));
            let x = images.clone() + delta.clone();
            let (gaps, gradient) = oracle.gradient(&x, &|z| margin(z, &y));
            let wrong: Vec<bool> = gaps.iter().map(|g| *g > 0.0).collect();
            found.offer(&x, &wrong);
            let at = norms(self.norm, delta.clone());
            let dual = values(ball.dual(&gradient));
            for i in 0..labels.len() {
                radius[i] = if wrong[i] {
                    radius[i].min(at[i]).min(found.distances[i]) * (1.0 - gamma) as f32
                } else if found.distances[i].is_finite() {
                    radius[i] * (1.0 + gamma) as f32
                } else {
                    // Just beyond the linearised boundary: on it a rounding error decides.
                    at[i] + (1.0 + gamma as f32) * gaps[i].abs() / dual[i]
                };
            }
            delta = self.norm.shorten(delta + unit(gradient).mul_scalar(step), &radius);
            delta = (images.clone() + delta).clamp(0.0, 1.0) - images.clone();
        }
        found
    }
}
