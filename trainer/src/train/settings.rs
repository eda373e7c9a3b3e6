//! Everything that determines a run's weights but the code and the machine's rounding.

use super::schedule::{Decay, Schedule};
use crate::data::Augmentation;
use crate::error::Error;
use crate::methods::Choice;
use crate::nets::{MaskSpec, NetSpec};
use burn::module::ParamGroup;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, ModuleOptimizer, SgdConfig};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How gradients move weights.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Nesterov momentum (Sutskever et al. 2013).
    #[default]
    Sgd,
    /// Adam (Kingma and Ba 2015) with its usual numbers; the momentum is not used.
    Adam,
}

/// A training run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Spec of the data set.
    pub data: String,
    /// Training images held out for validation: the last ones.
    pub validation: usize,
    /// Training images that are fitted, the first ones; none: all that are not held out.
    #[serde(default)]
    pub images: Option<usize>,
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
    /// Seed of weights, order, augmentation, noise and attacks.
    pub seed: u64,
    /// What is minimised.
    #[serde(default)]
    pub method: Choice,
    /// The optimiser.
    #[serde(default)]
    pub rule: Rule,
    /// Largest Euclidean norm of the gradient of all parameters; a longer one is shortened to it.
    #[serde(default)]
    pub clip: Option<f64>,
    /// Weights are averaged over steps with this decay, in `(0, 1)`; the average is what is evaluated and exported.
    #[serde(default)]
    pub average: Option<f64>,
    /// The checkpoint whose weights the run begins with.
    #[serde(default)]
    pub from: Option<PathBuf>,
    /// The checkpoint of the network that guides the method.
    #[serde(default)]
    pub teacher: Option<PathBuf>,
}

impl Settings {
    /// The usual values for `epochs` epochs on `data`: noisy copies without noise, a cosine after one epoch of warm-up.
    #[must_use]
    pub fn usual(data: &str, epochs: u32) -> Self {
        Self {
            data: data.into(),
            validation: 1000,
            images: None,
            augmentation: Augmentation { crop: 4, flip: false, sigma: 0.0 },
            batch: 128,
            schedule: Schedule { rate: 0.1, warmup: 1.0, epochs, decay: Decay::Cosine },
            momentum: 0.9,
            weight_decay: 5e-4,
            seed: 1,
            method: Choice::default(),
            rule: Rule::Sgd,
            clip: None,
            average: None,
            from: None,
            teacher: None,
        }
    }

    /// Checks every number's range.
    ///
    /// # Errors
    /// Naming the option of the command line, its value and what is allowed.
    pub fn check(&self) -> Result<(), Error> {
        let (schedule, sigma) = (&self.schedule, self.augmentation.sigma);
        let allowed = [
            (sigma.is_finite() && sigma >= 0.0, "--sigma", sigma.to_string(), "a number of at least 0"),
            (self.images != Some(0), "--images", self.images.unwrap_or_default().to_string(), "at least 1"),
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
            (
                self.clip.is_none_or(|c| c.is_finite() && c > 0.0),
                "--clip",
                self.clip.unwrap_or_default().to_string(),
                "a number above 0",
            ),
            (
                self.average.is_none_or(|a| a > 0.0 && a < 1.0),
                "--average",
                self.average.unwrap_or_default().to_string(),
                "above 0 and below 1",
            ),
            (self.augmentation.crop <= 64, "--crop", self.augmentation.crop.to_string(), "at most 64"),
        ];
        match allowed.iter().find(|(good, ..)| !good) {
            None => self.check_method(),
            Some((_, option, value, range)) => {
                Err(Error::Settings(format!("{option} {value}: expected {range}")))
            }
        }
    }

    /// Checks that the method and the network's mask belong together.
    ///
    /// # Errors
    /// Naming both and what was expected.
    pub fn check_mask(&self, net: &NetSpec) -> Result<(), Error> {
        let (name, needs) = (&self.method.name, self.method.objective().mask());
        let usual = needs.and_then(|needs| needs.usual.parse::<MaskSpec>().ok());
        let kind = |mask: MaskSpec| std::mem::discriminant(&mask);
        if usual.map(kind) == net.mask.map(kind) {
            return Ok(());
        }
        let expected = needs.map_or("no mask", |needs| needs.usual);
        let found = net.mask.map_or_else(|| "none".into(), |mask| mask.to_string());
        Err(Error::Settings(format!("--method {name} --mask {found}: expected {expected}")))
    }

    fn check_method(&self) -> Result<(), Error> {
        let (name, sigma) = (&self.method.name, self.augmentation.sigma);
        if self.method.objective().needs_teacher() && self.teacher.is_none() {
            let reason = "needs --teacher, a run of a network trained by `gaussian` with the same sigma";
            return Err(Error::Settings(format!("--method {name}: {reason}")));
        }
        if name == "plain" && sigma != 0.0 {
            return Err(Error::Settings(format!(
                "--method plain --sigma {sigma}: expected sigma 0, or `gaussian`"
            )));
        }
        self.method.check()
    }

    /// What is done to each training image: methods that draw their own noise get images without.
    #[must_use]
    pub fn data(&self) -> Augmentation {
        let sigma = if self.method.objective().noisy_data() { self.augmentation.sigma } else { 0.0 };
        Augmentation { sigma, ..self.augmentation }
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

    /// The optimiser, with weight decay added to the gradient. The strengths of parametric noise do not
    /// decay (He et al. 2019, in their code), nor do the weights of a static mask.
    #[must_use]
    pub fn optimizer(&self) -> ModuleOptimizer {
        let decay = Some(WeightDecayConfig::new(self.weight_decay as f32));
        let [strengths, plane] = ["alpha", "plane"].map(ParamGroup::from_predicate);
        if self.rule == Rule::Adam {
            let adam = AdamConfig::new();
            let all = adam.clone().with_weight_decay(decay).init();
            return all.with_group(strengths, adam.build(), None).with_group(plane, adam.build(), None);
        }
        let momentum =
            MomentumConfig::new().with_momentum(self.momentum).with_dampening(0.0).with_nesterov(true);
        let sgd = SgdConfig::new().with_momentum(Some(momentum));
        let all = sgd.clone().with_weight_decay(decay).init();
        all.with_group(strengths, sgd.build(), None).with_group(plane, sgd.build(), None)
    }
}
