//! Learning rates over a run.

use serde::{Deserialize, Serialize};

/// How the learning rate falls, after a linear warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Decay {
    /// Half a cosine, from the full rate to zero at the last step.
    Cosine,
    /// Divided by ten at each of these epochs.
    Step {
        /// Epochs, ascending.
        epochs: Vec<u32>,
    },
}

/// The learning rate of every step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// The full rate.
    pub rate: f64,
    /// Epochs over which the rate rises linearly to the full rate; may be fractional.
    pub warmup: f64,
    /// Epochs in all.
    pub epochs: u32,
    /// What follows the warm-up.
    pub decay: Decay,
}

impl Schedule {
    /// The rate of `step`, counted from 0, where an epoch has `per_epoch` steps.
    #[must_use]
    pub fn at(&self, step: u64, per_epoch: u64) -> f64 {
        let warmup = self.warmup * per_epoch as f64;
        if (step as f64) < warmup {
            return self.rate * (step + 1) as f64 / warmup.max(1.0).ceil();
        }
        match &self.decay {
            Decay::Cosine => {
                let total = f64::from(self.epochs) * per_epoch as f64;
                let progress = ((step as f64 - warmup) / (total - warmup).max(1.0)).min(1.0);
                self.rate * 0.5 * (1.0 + (core::f64::consts::PI * progress).cos())
            }
            Decay::Step { epochs } => {
                let passed = epochs.iter().filter(|&&e| step >= u64::from(e) * per_epoch).count();
                self.rate * 0.1f64.powi(passed as i32)
            }
        }
    }
}
