//! Methods that train a mask: adaptive smoothing, and one plane for all images.

use super::batch::Batch;
use super::loss::cross_entropy;
use super::model::{Craft, Model};
use super::objective::{Carry, Needs, Objective};
use crate::adaptive::Seen;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// `CE(f(mix), y)`, the mix being that of two noisy copies under a mask network's weights (Lyu et al. 2024, arXiv:2406.10427,
/// section 3), plus `reconstruction` times the mean square of what the mix differs from the image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ars {
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

impl Objective for Ars {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let (entropy, seen) = masked_entropy(model, batch, self.freeze);
        match seen.filter(|_| self.reconstruction > 0.0) {
            Some(seen) => {
                let off = seen.shown - batch.images.clone().autodiff();
                entropy + off.square().mean().mul_scalar(self.reconstruction)
            }
            None => entropy,
        }
    }

    fn cost(&self) -> f64 {
        2.0
    }

    fn smooths(&self) -> bool {
        true
    }

    fn mask(&self) -> Option<Needs> {
        Some(Needs { usual: "unet:8", gain: self.gain, frozen_classifier: self.freeze })
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
        Some(Needs { usual: "static", gain: self.gain, frozen_classifier: false })
    }
}
