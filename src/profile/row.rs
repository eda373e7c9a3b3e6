//! What one image came to.

use clap::ValueEnum;
use ringfence_runtime::smooth::Vote;
use serde::{Deserialize, Serialize};

use super::anytime::Stopped;

/// How samples elect a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Each sample gives one vote to its class
    Prediction,
    /// Each sample gives its classes points by rank, each rank half of the one before
    Weighted,
    /// Each sample gives its class probabilities
    Soft,
}

impl Rule {
    /// The rule of the runtime.
    #[must_use]
    pub fn vote(self) -> Vote {
        match self {
            Self::Prediction => Vote::Prediction,
            Self::Weighted => Vote::Weighted,
            Self::Soft => Vote::Soft,
        }
    }

    /// As it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Prediction => "prediction",
            Self::Weighted => "weighted",
            Self::Soft => "soft",
        }
    }
}

/// Where an image is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Set {
    /// The data set.
    Clean,
    /// The file of attacked images.
    Attacked,
}

/// One line of the rows of a profile. Lists have an entry for each N.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProfileRow {
    /// Where the image is from.
    pub set: Set,
    /// Index in the split, or in the file of attacked images.
    pub idx: usize,
    /// True class.
    pub label: usize,
    /// Class of the image itself, without noise.
    pub plain: usize,
    /// Classes that most of the first N samples have.
    pub prediction: Vec<usize>,
    /// How many of the first N samples have them.
    pub counts: Vec<u32>,
    /// Classes elected by rank; empty if not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weighted: Vec<usize>,
    /// Classes elected by probability; empty if not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub soft: Vec<usize>,
    /// Where the certification of one radius stopped, if one was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stopped>,
    /// Wall seconds until the votes of the first N samples were there; empty if the run was not timed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seconds: Vec<f64>,
    /// Seed of the image, 64 hexadecimal digits.
    pub seed: String,
}

impl ProfileRow {
    /// The classes that a rule elects, for each N; empty if the rule was not asked for.
    #[must_use]
    pub fn elected(&self, rule: Rule) -> &[usize] {
        match rule {
            Rule::Prediction => &self.prediction,
            Rule::Weighted => &self.weighted,
            Rule::Soft => &self.soft,
        }
    }

    /// Whether every list has the length of the grid, those that need not be there aside.
    #[must_use]
    pub fn fits(&self, ns: usize, rules: &[Rule]) -> bool {
        let optional = |rule| if rules.contains(&rule) { ns } else { 0 };
        self.prediction.len() == ns
            && self.counts.len() == ns
            && self.weighted.len() == optional(Rule::Weighted)
            && self.soft.len() == optional(Rule::Soft)
            && (self.seconds.is_empty() || self.seconds.len() == ns)
    }
}
