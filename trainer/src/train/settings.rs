//! Everything that determines a run's weights but the code and the machine's rounding.

use super::schedule::Schedule;
use crate::data::Augmentation;
use crate::error::Error;
use burn::module::ParamGroup;
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
    /// Checks every number's range.
    ///
    /// # Errors
    /// Naming the option of the command line, its value and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        let (schedule, sigma) = (&self.schedule, self.augmentation.sigma);
        let allowed = [
            (sigma.is_finite() && sigma >= 0.0, "--sigma", sigma.to_string(), "a number of at least 0"),
            (self.batch > 0, "--batch", self.batch.to_string(), "at least 1"),
            (
                schedule.rate.is_finite() && schedule.rate > 0.0,
                "--lr",
                schedule.rate.to_string(),
                "a number above 0",
            ),
            (
                schedule.warmup.is_finite() && schedule.warmup >= 0.0,
                "--warmup",
                schedule.warmup.to_string(),
                "a number of at least 0",
            ),
            (
                (0.0..1.0).contains(&self.momentum),
                "--momentum",
                self.momentum.to_string(),
                "from 0 to below 1",
            ),
            (
                self.weight_decay.is_finite() && self.weight_decay >= 0.0,
                "--weight-decay",
                self.weight_decay.to_string(),
                "a number of at least 0",
            ),
            (self.augmentation.crop <= 64, "--crop", self.augmentation.crop.to_string(), "at most 64"),
        ];
        match allowed.iter().find(|(good, ..)| !good) {
            None => Ok(()),
            Some((_, option, value, range)) => {
                Err(Error::Settings(format!("{option} {value}: expected {range}")))
            }
        }
    }

    /// The fields in which `asked` differs from these settings, for an error message.
    #[must_use]
    pub fn differences(&self, asked: &Self) -> String {
        let fields =
            |s: &Self| serde_json::to_value(s).ok().and_then(|v| v.as_object().cloned()).unwrap_or_default();
        let (mine, theirs) = (fields(self), fields(asked));
        let differs = mine.iter().filter(|(name, value)| theirs.get(*name) != Some(*value));
        let told = differs.map(|(name, value)| format!("{name}: {value} there, {} asked for", theirs[name]));
        told.collect::<Vec<_>>().join("; ")
    }

    /// The optimiser: SGD with Nesterov momentum and weight decay (Sutskever et al. 2013). The strengths of
    /// parametric noise do not decay (He, Rakin and Fan 2019, in their code).
    #[must_use]
    pub fn optimizer(&self) -> ModuleOptimizer {
        let momentum =
            MomentumConfig::new().with_momentum(self.momentum).with_dampening(0.0).with_nesterov(true);
        let sgd = SgdConfig::new().with_momentum(Some(momentum));
        sgd.clone()
            .with_weight_decay(Some(WeightDecayConfig::new(self.weight_decay as f32)))
            .init()
            .with_group(ParamGroup::from_predicate("alpha"), sgd.build(), None)
    }
}
