//! Training on adversarial examples, alone or beside the images themselves.

use super::batch::Batch;
use super::loss::cross_entropy;
use super::model::{Craft, Frozen, Model, first_point};
use super::objective::{Carry, Objective};
use crate::attacks::Pgd;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// `weight CE(f(x'), y) + (1 - weight) CE(f(x), y)`, x' by projected gradient ascent.
///
/// Weight 1 is Madry et al. 2018; 1/2 the mix of Goodfellow et al. 2015, PNI (He et al. 2019) and CNI (Nemcovsky et al.
/// 2019); one step from a random start Fast AT (Wong et al. 2020); several draws of the noise layers in every gradient
/// (EPGD) and many steps the fine-tuning of Nemcovsky et al.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Adversarial {
    /// The attack.
    #[serde(flatten)]
    pub attack: Pgd,
    /// Share of the adversarial loss, in `[0, 1]`.
    pub weight: f64,
    /// Draws of the noise layers and of the input noise whose cross-entropies are averaged in each gradient of the attack.
    pub draws: u32,
    /// Whether the attack raises the loss of the class that the network gives the image, instead of its label's.
    pub predicted: bool,
    /// Epochs at the start that are trained on the images alone.
    pub clean_epochs: f64,
    /// How the network is taken during the attack.
    pub craft: Craft,
}

impl Adversarial {
    /// The labels that the attack moves away from.
    fn targets(&self, net: &Frozen, batch: &Batch) -> Tensor<1, Int> {
        if !self.predicted {
            return batch.labels.clone();
        }
        net.logits(batch.images.clone()).argmax(1).reshape([batch.len() as i64])
    }

    /// The adversarial images of `batch`.
    fn perturbed(&self, model: &Model, batch: &Batch) -> Tensor<4> {
        let net = model.frozen(self.craft);
        let targets = self.targets(&net, batch);
        let draws = self.draws;
        self.attack.ascend(&batch.images, first_point(&self.attack, batch), &mut |x| {
            let loss = |_| cross_entropy(net.logits(x.clone()), &targets).sum();
            let sum = (1..draws).map(loss).fold(loss(0), |sum, l| sum + l);
            sum.div_scalar(draws)
        })
    }
}

impl Objective for Adversarial {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let clean = |model: &Model| cross_entropy(model.logits(batch.images.clone()), &batch.labels).mean();
        if batch.progress < self.clean_epochs || self.weight == 0.0 {
            return clean(model);
        }
        let x = self.perturbed(model, batch);
        let adversarial = cross_entropy(model.logits(x), &batch.labels).mean();
        if self.weight == 1.0 {
            return adversarial;
        }
        adversarial.mul_scalar(self.weight) + clean(model).mul_scalar(1.0 - self.weight)
    }

    fn cost(&self) -> f64 {
        let training = if self.weight == 1.0 { 1.0 } else { 2.0 };
        training + f64::from(self.attack.steps * self.draws)
    }

    fn attack(&self) -> Option<Pgd> {
        Some(self.attack)
    }
}
