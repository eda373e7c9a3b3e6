//! Everything that determines a run's weights but the code and the machine's rounding.

use super::schedule::Schedule;
use crate::data::Augmentation;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{ModuleOptimizer, SgdConfig};
use serde::{Deserialize, Serialize};

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Spec of the data set.
    pub data: String,
    /// Training images held out for validation: the last ones.
    pub validation: usize,
    /// Augmentation, with the noise.
    pub augmentation: Augmentation,
    /// Images of a step; the last step of an epoch takes what is left.
    pub batch: usize,
    /// Learning rates.
    pub schedule: Schedule,
    /// Nesterov momentum, in `[0, 1)`.
    pub momentum: f64,
    /// Decay of all parameters.
    pub weight_decay: f64,
    /// Seed of weights, order and augmentation.
    pub seed: u64,
}

impl Settings {
    /// The optimiser: SGD with Nesterov momentum and weight decay (Sutskever et al. 2013).
    #[must_use]
    pub fn optimizer(&self) -> ModuleOptimizer {
        let momentum =
            MomentumConfig::new().with_momentum(self.momentum).with_dampening(0.0).with_nesterov(true);
        SgdConfig::new()
            .with_momentum(Some(momentum))
            .with_weight_decay(Some(WeightDecayConfig::new(self.weight_decay as f32)))
            .init()
    }
}
