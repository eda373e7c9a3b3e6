//! Projected gradient ascent (Madry et al. 2018, arXiv:1706.06083), in L-infinity and L2.

use super::ball::{Ball, Norm};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Where an ascent begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// At the image itself.
    Image,
    /// At a uniform point of the ball.
    Uniform,
    /// At the image plus 0.001 times a normal value: where the gradient vanishes at the image itself (TRADES).
    Jitter,
}

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Pgd {
    /// Norm of the perturbation.
    pub norm: Norm,
    /// Its bound, in units of the pixel range.
    pub epsilon: f64,
    /// Length of a step, in the same norm.
    pub step: f64,
    /// Steps.
    pub steps: u32,
    /// The first point.
    pub start: Start,
}

impl Pgd {
    /// Its ball.
    #[must_use]
    pub fn ball(&self) -> Ball {
        Ball { norm: self.norm, epsilon: self.epsilon }
    }

    /// Ascends `objective`, a sum over images so that no image moves another, from `first` within the ball around
    /// `images`, `[n, channels, height, width]` in `[0, 1]`. Nothing here is on an autodiff device but what
    /// `objective` is given, and its result.
    pub fn ascend(
        &self,
        images: &Tensor<4>,
        first: Tensor<4>,
        objective: &mut dyn FnMut(Tensor<4>) -> Tensor<1>,
    ) -> Tensor<4> {
        let ball = self.ball();
        let mut x = ball.project(images, first);
        for _ in 0..self.steps {
            let watched = x.clone().autodiff().require_grad();
            let mut gradients = objective(watched.clone()).backward();
            // An objective that does not depend on its argument has no gradient: nothing moves.
            let Some(gradient) = watched.grad_remove(&mut gradients) else { return x };
            x = ball.project(images, x + ball.steepest(gradient).mul_scalar(self.step));
        }
        x
    }
}
