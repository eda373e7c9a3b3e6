//! Methods that lower the loss of the smoothed classifier, or raise its radius, without an attack.

use super::batch::Batch;
use super::loss::{
    best_other, cross_entropy, divergence, entropy, mean_probability, negative_log, normal_quantile, of_label,
};
use super::model::Model;
use super::objective::{Carry, Objective};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Logits in training of `copies` noisy copies of the batch, copy after copy.
pub(super) fn noisy_logits(model: &Model, batch: &Batch, copies: usize) -> Tensor<2> {
    model.logits(batch.images.clone().repeat_dim(0, copies) + batch.noises(copies))
}

/// Cross-entropy of every copy, `[copies * n]`.
pub(super) fn copies_entropy(logits: Tensor<2>, batch: &Batch, copies: usize) -> Tensor<1> {
    cross_entropy(logits, &batch.labels.clone().repeat_dim(0, copies))
}

/// Mean cross-entropy of m noisy copies, plus `lambda` times their mean divergence from the mean prediction, plus `eta`
/// times its entropy (Jeong and Shin 2020, arXiv:2006.04062, equation 8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Consistency {
    /// Noisy copies of an image, at least 2.
    pub copies: usize,
    /// Weight of the divergence.
    pub lambda: f64,
    /// Weight of the entropy.
    pub eta: f64,
}

impl Objective for Consistency {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let logits = noisy_logits(model, batch, self.copies);
        let mean = mean_probability(logits.clone(), self.copies);
        let apart = divergence(mean.clone().repeat_dim(0, self.copies), logits.clone()).mean();
        copies_entropy(logits, batch, self.copies).mean()
            + apart.mul_scalar(self.lambda)
            + entropy(mean).mean().mul_scalar(self.eta)
    }

    fn cost(&self) -> f64 {
        self.copies as f64
    }

    fn smooths(&self) -> bool {
        true
    }
}

/// `-log` of the mean probability of the label, plus `lambda sigma / 2` times the hinge
/// `max(0, gamma - (Phi^-1(p_y) - Phi^-1(p_2)))` of images whose mean prediction is right, with probabilities sharpened by
/// `beta` (MACER: Zhai et al. 2020, arXiv:2001.02378, equation 8).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Macer {
    /// Noisy copies of an image.
    pub copies: usize,
    /// Weight of the radius.
    pub lambda: f64,
    /// Inverse temperature of the probabilities in the radius.
    pub beta: f64,
    /// Where the hinge lets go.
    pub gamma: f64,
}

impl Objective for Macer {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let logits = noisy_logits(model, batch, self.copies);
        let mean = mean_probability(logits.clone(), self.copies);
        let sharp = mean_probability(logits.mul_scalar(self.beta), self.copies);
        let top = of_label(sharp.clone(), &batch.labels);
        let second = best_other(sharp, &batch.labels);
        let right = top.clone().greater(second.clone()).float();
        let right = if top.is_autodiff() { right.autodiff() } else { right };
        let gap = normal_quantile(top) - normal_quantile(second);
        let hinge = gap.neg().add_scalar(self.gamma).clamp_min(0.0) * right;
        let weight = self.lambda * f64::from(batch.sigma) / 2.0;
        (negative_log(mean, &batch.labels) + hinge.mul_scalar(weight)).mean()
    }

    fn cost(&self) -> f64 {
        self.copies as f64
    }

    fn smooths(&self) -> bool {
        true
    }
}
