//! Methods that train a mask: adaptive smoothing, and one plane for all images.

use super::batch::Batch;
use super::loss::cross_entropy;
use super::model::{Craft, Model};
use super::objective::{Carry, Needs, Objective};
use crate::adaptive::Seen;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// `CE(f(mix), y)`, the mix being that of two noisy copies under a mask network's weights (Lyu et al. 2024, arXiv:2406.10427,
/// section 3), plus `reconstruction` times the mean square of what the mix differs from the image, plus `supervision` times
/// the binary cross-entropy of the mask and where the object is, a mean over pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ars {
    /// Weight of the supervision.
    #[serde(default)]
    pub supervision: f64,
    /// Weight of the reconstruction.
    pub reconstruction: f64,
    /// The mask's gradients by this: with SGD a factor of its learning rate.
    pub gain: f64,
    /// Whether the classifier stays as it is, weights and statistics.
    pub freeze: bool,
}

/// `CE(f(w x + n), y)` with one plane `w` for every image and noise of deviation sigma times its root mean square (the
/// same paper's baseline).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StaticPlane {
    /// The plane's gradients by this: with SGD a factor of its learning rate.
    pub gain: f64,
}

/// Cross-entropy of what is shown of the batch; gradients reach the mask, and the classifier unless it is frozen.
fn masked_entropy(model: &Model, batch: &Batch, freeze: bool) -> (Tensor<1>, Option<Seen>) {
    // `Settings::check_net` asks for a mask; without one the classifier is shown one noisy copy.
    let seen = model.look(batch, 0);
    let shown = match &seen {
        Some(seen) => seen.shown.clone(),
        None => (batch.images.clone() + batch.noise(0)).autodiff(),
    };
    let logits = if freeze { model.frozen(Craft::Evaluation).logits(shown) } else { model.logits_of(shown) };
    (cross_entropy(logits, &batch.labels).mean(), seen)
}

/// `-t ln w - (1 - t) ln(1 - w)` of weights and targets in `[0, 1]`, a mean over all.
fn binary_entropy(weights: Tensor<4>, targets: Tensor<4>) -> Tensor<1> {
    // Where a sigmoid is flat it still has a slope in f32.
    let weights = weights.clamp(1e-6, 1.0 - 1e-6);
    let rest = weights.clone().neg().add_scalar(1.0);
    let off = targets.clone().neg().add_scalar(1.0) * rest.log();
    (targets * weights.log() + off).mean().neg()
}

impl Objective for Ars {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let (mut loss, seen) = masked_entropy(model, batch, self.freeze);
        let Some(Seen { mask, shown }) = seen else { return loss };
        if self.reconstruction > 0.0 {
            let off = shown - batch.images.clone().autodiff();
            loss = loss + off.square().mean().mul_scalar(self.reconstruction);
        }
        // The loop gives objects to a method that `needs` them.
        if let Some(objects) = batch.objects.clone().filter(|_| self.supervision > 0.0) {
            loss = loss + binary_entropy(mask, objects.autodiff()).mul_scalar(self.supervision);
        }
        loss
    }

    fn cost(&self) -> f64 {
        2.0
    }

    fn smooths(&self) -> bool {
        true
    }

    fn mask(&self) -> Option<Needs> {
        let supervised = self.supervision > 0.0;
        Some(Needs { usual: "unet:8", gain: self.gain, frozen_classifier: self.freeze, supervised })
    }
}

impl Objective for StaticPlane {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        masked_entropy(model, batch, false).0
    }

    fn cost(&self) -> f64 {
        1.0
    }

    fn smooths(&self) -> bool {
        true
    }

    fn mask(&self) -> Option<Needs> {
        Some(Needs { usual: "static", gain: self.gain, frozen_classifier: false, supervised: false })
    }
}
