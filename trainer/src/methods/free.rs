//! Adversarial training at the cost of plain training.

use super::batch::Batch;
use super::loss::cross_entropy;
use super::model::Model;
use super::objective::{Carry, Objective};
use crate::attacks::{Ball, Norm, Pgd, Start};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Every batch is replayed; one backward pass gives the gradient of the weights and, for the next replay, that of the
/// perturbation, which moves by `epsilon sign(gradient)` within the L-infinity ball (Shafahi et al. 2019,
/// arXiv:1904.12843, algorithm 1). The perturbation starts at zero in every batch, and not where that of another batch's
/// images ended: a run can then be resumed at any step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Free {
    /// L-infinity bound, and length of a step.
    pub epsilon: f64,
    /// Steps on each batch, at least 1.
    pub replays: u32,
}

impl Objective for Free {
    fn loss(&self, model: &Model, batch: &Batch, carry: &mut Carry) -> Tensor<1> {
        let ball = Ball { norm: Norm::Linf, epsilon: self.epsilon };
        let x = match (carry.perturbation.take(), carry.gradient.take()) {
            (Some(x), Some(gradient)) => {
                ball.project(&batch.images, x + gradient.sign().mul_scalar(self.epsilon))
            }
            _ => batch.images.clone(),
        };
        carry.perturbation = Some(x.clone());
        let watched = x.autodiff().require_grad();
        carry.watched = Some(watched.clone());
        cross_entropy(model.logits(watched), &batch.labels).mean()
    }

    fn cost(&self) -> f64 {
        f64::from(self.replays)
    }

    fn replays(&self) -> u32 {
        self.replays
    }

    fn attack(&self) -> Option<Pgd> {
        let (epsilon, step) = (self.epsilon, self.epsilon / 4.0);
        Some(Pgd { norm: Norm::Linf, epsilon, step, steps: 10, start: Start::Uniform })
    }
}
