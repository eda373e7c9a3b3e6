//! Cross-entropy of the images as the data gives them.

use super::batch::Batch;
use super::loss::cross_entropy;
use super::model::Model;
use super::objective::{Carry, Objective};
use crate::baselines::Generalised;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// `CE(f(x), y)`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plain {}

impl Objective for Plain {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        cross_entropy(model.logits(batch.images.clone()), &batch.labels).mean()
    }

    fn cost(&self) -> f64 {
        1.0
    }
}

/// `CE(f(x + sigma N), y)` (Cohen et al. 2019, arXiv:1902.02918, section 3.3).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gaussian {}

impl Objective for Gaussian {
    fn loss(&self, model: &Model, batch: &Batch, carry: &mut Carry) -> Tensor<1> {
        Plain {}.loss(model, batch, carry)
    }

    fn cost(&self) -> f64 {
        1.0
    }

    fn smooths(&self) -> bool {
        true
    }

    fn noisy_data(&self) -> bool {
        true
    }
}

/// `CE(f(x + n), y)` with generalised normal noise of deviation sigma (UniCR: Hong et al. 2022, arXiv:2207.02152).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UniCr {
    /// Shape of the noise, at least 1; 2: normal.
    pub beta: f64,
}

impl Objective for UniCr {
    fn loss(&self, model: &Model, batch: &Batch, _: &mut Carry) -> Tensor<1> {
        let noise = Generalised::of_deviation(f64::from(batch.sigma), self.beta);
        let images = batch.images.clone() + batch.noise_by(0, |random| noise.draw(random));
        cross_entropy(model.logits(images), &batch.labels).mean()
    }

    fn cost(&self) -> f64 {
        1.0
    }

    fn smooths(&self) -> bool {
        true
    }
}
