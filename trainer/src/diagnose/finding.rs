//! What a check found.

use crate::attacks::Cost;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// The outcome of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Does not concern this classifier, or lacks what it needs.
    NotApplicable,
    /// No reason for doubt found.
    Pass,
    /// More draws or steps are needed to tell.
    Inconclusive,
    /// Suspicious.
    Warn,
    /// The robust accuracy is not to be believed.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotApplicable => "N/A",
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// A check's verdict with the numbers behind it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// `D01` to `D17`.
    pub id: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// Why, in one line.
    pub text: String,
    /// Numbers by name: shares of images in `[0, 1]`, counts, p values.
    pub evidence: BTreeMap<String, f64>,
    /// Passes it cost.
    pub cost: Cost,
}

impl Finding {
    /// A finding without numbers so far.
    #[must_use]
    pub fn new(id: &'static str, verdict: Verdict, text: impl Into<String>) -> Self {
        Self { id, verdict, text: text.into(), evidence: BTreeMap::new(), cost: Cost::default() }
    }

    /// With a number.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: f64) -> Self {
        self.evidence.insert(name.into(), value);
        self
    }

    /// With what it cost.
    #[must_use]
    pub fn costing(mut self, costs: impl IntoIterator<Item = Cost>) -> Self {
        for cost in costs {
            self.cost.forward += cost.forward;
            self.cost.backward += cost.backward;
        }
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:<4} {}", self.id, self.verdict, self.text)
    }
}
