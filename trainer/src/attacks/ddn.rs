//! Decoupled direction and norm (Rony et al. 2019, arXiv:1811.09600, algorithm 1): the nearest adversarial image in L2.

use super::ball::{Norm, lengths, unit};
use super::found::Found;
use super::objective::{Loss, margin};
use super::oracle::{Oracle, each, labels_of, values};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ddn {
    /// Steps.
    pub steps: u32,
    /// Share by which the norm shrinks after a success, or grows after a failure.
    pub gamma: f64,
    /// First norm.
    pub start: f64,
}

impl Ddn {
    /// The nearest images that are given another class than `labels`. Whether a candidate fools is judged by the sign of its
    /// margin in the passes of its gradient.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let y = labels_of(labels, images);
        let fooled = oracle.fooled(images, labels);
        let mut found = Found::new(Norm::L2, images, &fooled);
        let longest = values(lengths(images.clone().max_pair(images.clone().neg().add_scalar(1.0))));
        let mut radius: Vec<f32> = longest.iter().map(|l| (self.start as f32).min(*l)).collect();
        let mut delta = images.zeros_like();
        for k in 0..self.steps {
            let x = images.clone() + delta.clone();
            let (_, gaps, gradient) =
                oracle.gradient_beside(&x, &|z| Loss::CrossEntropy.of(z, &y), &|z| margin(z, &y));
            let wrong: Vec<bool> = gaps.iter().map(|g| *g > 0.0).collect();
            found.offer(&x, &wrong);
            for ((r, w), l) in radius.iter_mut().zip(&wrong).zip(&longest) {
                *r = (*r * (1.0 + if *w { -self.gamma } else { self.gamma }) as f32).min(*l);
            }
            let angle = core::f64::consts::PI * f64::from(k) / f64::from(self.steps);
            let step = 0.01 + 0.99 * 0.5 * (1.0 + angle.cos());
            delta = unit(delta + unit(gradient).mul_scalar(step)) * each(&radius, images);
            delta = (images.clone() + delta).clamp(0.0, 1.0) - images.clone();
        }
        found
    }
}
