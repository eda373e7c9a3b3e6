//! Losses that hold the prediction of an adversarial image near that of the image.

use super::batch::Batch;
use super::loss::{boosted_cross_entropy, cross_entropy, divergence, of_label};
use super::model::{Craft, Model, first_point};
use super::objective::{Carry, Objective};
use crate::attacks::Pgd;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use serde::{Deserialize, Serialize};

/// `CE(f(x), y) + beta KL(p(x) || p(x'))` (Zhang et al. 2019, arXiv:1901.08573, equation 5); x' ascends the divergence.
/// Gradients pass through both predictions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trades {
    /// The attack, with the network in evaluation.
    #[serde(flatten)]
    pub attack: Pgd,
    /// Weight of the divergence, at least 0.
    pub beta: f64,
}

impl Objective for Trades {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let x = {
            let net = model.frozen(Craft::Evaluation);
            let p = softmax(net.logits(batch.images.clone()), 1);
            self.attack.ascend(&batch.images, first_point(&self.attack, batch), &mut |x| {
                divergence(p.clone().autodiff(), net.logits(x)).sum()
            })
        };
        let logits = model.logits(batch.images.clone());
        let clean = cross_entropy(logits.clone(), &batch.labels);
        (clean + divergence(softmax(logits, 1), model.logits(x)).mul_scalar(self.beta)).mean()
    }

    fn cost(&self) -> f64 {
        2.0 + f64::from(self.attack.steps)
    }

    fn attack(&self) -> Option<Pgd> {
        Some(self.attack)
    }
}

/// `BCE(p(x'), y) + beta KL(p(x) || p(x')) (1 - p_y(x))` (MART: Wang et al. 2020, equation 11); x' ascends the
/// cross-entropy. Images that the network gets wrong weigh more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mart {
    /// The attack, with the network in evaluation.
    #[serde(flatten)]
    pub attack: Pgd,
    /// Weight of the divergence, at least 0.
    pub beta: f64,
}

impl Objective for Mart {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let x = {
            let net = model.frozen(Craft::Evaluation);
            self.attack.ascend(&batch.images, first_point(&self.attack, batch), &mut |x| {
                cross_entropy(net.logits(x), &batch.labels).sum()
            })
        };
        let p = softmax(model.logits(batch.images.clone()), 1);
        let adversarial = model.logits(x);
        let boosted = boosted_cross_entropy(adversarial.clone(), &batch.labels);
        let doubt = of_label(p.clone(), &batch.labels).neg().add_scalar(1.0);
        (boosted + (divergence(p, adversarial) * doubt).mul_scalar(self.beta)).mean()
    }

    fn cost(&self) -> f64 {
        2.0 + f64::from(self.attack.steps)
    }

    fn attack(&self) -> Option<Pgd> {
        Some(self.attack)
    }
}
