//! What the user chooses when compiling.

use std::str::FromStr;

use super::error::CompileError;
use crate::certificate::{self, CertificateError, Scheme, Smoothing, Table};

/// Options of [`compile`](super::compile).
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Deviation of the smoothing noise, in pixels of full scale 1.
    pub sigma: f64,
    /// Images to calibrate on.
    pub images: usize,
    /// Seed of the noise on them.
    pub seed: u64,
    /// Bits of the activations.
    pub activation_bits: ActivationBits,
    /// Certificate tables to write.
    pub tables: Vec<TableSpec>,
    /// Mean of each channel (or one for all) that the ONNX model expects to be subtracted; empty for 0.
    pub mean: Vec<f64>,
    /// Deviation of each channel (or one for all) that it expects the image to be divided by; empty for 1.
    pub std: Vec<f64>,
    /// Names of the classes; those of the data set if there are none.
    pub classes: Vec<String>,
}

impl Options {
    /// The defaults for noise of deviation `sigma`.
    pub fn new(sigma: f64) -> Self {
        let tables = TableSpec::DEFAULTS.to_vec();
        let activation_bits = ActivationBits::Eight;
        let [mean, std] = [vec![], vec![]];
        Self { sigma, images: 256, seed: 0, activation_bits, tables, mean, std, classes: vec![] }
    }

    /// Mean and deviation of each of `channels` channels.
    pub(super) fn normalisation(&self, channels: usize) -> Result<(Vec<f64>, Vec<f64>), CompileError> {
        let mean = per_channel("--mean", &self.mean, 0.0, channels)?;
        let std = per_channel("--std", &self.std, 1.0, channels)?;
        match std.iter().find(|std| **std <= 0.0) {
            None => Ok((mean, std)),
            Some(std) => {
                Err(CompileError::Option { option: "--std", reason: format!("{std} is not positive") })
            }
        }
    }
}

/// How fine activations are. Seven bits let `vpmaddubsw` multiply exactly, on CPUs that have AVX2 and no dot-product
/// instruction; all others are as fast with eight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationBits {
    /// 0..=127.
    Seven,
    /// 0..=255.
    Eight,
}

impl ActivationBits {
    /// The largest value.
    pub fn top(self) -> u8 {
        match self {
            Self::Seven => 127,
            Self::Eight => 255,
        }
    }
}

impl FromStr for ActivationBits {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "7" => Ok(Self::Seven),
            "8" => Ok(Self::Eight),
            _ => Err(format!("{text:?}: expected 7 or 8")),
        }
    }
}

fn per_channel(
    option: &'static str,
    values: &[f64],
    default: f64,
    channels: usize,
) -> Result<Vec<f64>, CompileError> {
    match values {
        _ if values.iter().any(|v| !v.is_finite()) => {
            Err(CompileError::Option { option, reason: format!("{values:?}, expected finite numbers") })
        }
        [] => Ok(vec![default; channels]),
        [value] => Ok(vec![*value; channels]),
        _ if values.len() == channels => Ok(values.to_vec()),
        _ => {
            let reason = format!("{} values, expected 1 or {channels}", values.len());
            Err(CompileError::Option { option, reason })
        }
    }
}

/// A certificate table to compute: `two-stage:N0:N:ALPHA`, `single-stage:N:ALPHA`, `predict:N:ALPHA` or
/// `sequential:R:N:ALPHA`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TableSpec {
    /// n0 votes select, n votes are counted.
    TwoStage {
        /// Votes that select the class.
        n0: u32,
        /// Votes that are counted.
        n: u32,
        /// Probability of a wrong statement.
        alpha: f64,
    },
    /// n votes select and are counted.
    SingleStage {
        /// Votes.
        n: u32,
        /// Probability of a wrong statement.
        alpha: f64,
    },
    /// n votes decide whether the top class is significantly ahead.
    Predict {
        /// Votes.
        n: u32,
        /// Probability of a wrong statement.
        alpha: f64,
    },
    /// At most n votes, until they certify or refute one radius.
    Sequential {
        /// The radius in pixels.
        radius: f64,
        /// Most votes.
        n: u32,
        /// Probability of a wrong statement.
        alpha: f64,
    },
}

impl TableSpec {
    /// The tables written when none are asked for.
    pub const DEFAULTS: [TableSpec; 8] = [
        TableSpec::TwoStage { n0: 100, n: 1000, alpha: 0.001 },
        TableSpec::TwoStage { n0: 100, n: 100, alpha: 0.001 },
        TableSpec::SingleStage { n: 32, alpha: 0.001 },
        TableSpec::SingleStage { n: 100, alpha: 0.001 },
        TableSpec::SingleStage { n: 200, alpha: 0.001 },
        TableSpec::SingleStage { n: 1000, alpha: 0.001 },
        TableSpec::Predict { n: 100, alpha: 0.001 },
        TableSpec::Predict { n: 1000, alpha: 0.001 },
    ];

    /// Computes the table for votes of a smoothed classifier.
    pub fn table(&self, smoothing: Smoothing) -> Result<Table, CertificateError> {
        match *self {
            TableSpec::TwoStage { n0, n, alpha } => {
                Scheme::two_stage(n0, n, alpha, smoothing).map(|scheme| scheme.table())
            }
            TableSpec::SingleStage { n, alpha } => {
                Scheme::single_stage(n, alpha, smoothing).map(|scheme| scheme.table())
            }
            TableSpec::Predict { n, alpha } => certificate::predict(n, alpha),
            TableSpec::Sequential { radius, n, alpha } => {
                certificate::sequential_of(radius, n, alpha, smoothing)
            }
        }
    }
}

impl FromStr for TableSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let count =
            |part: &str| part.parse::<u32>().map_err(|_| format!("{part:?} is not a number of votes"));
        let level = |part: &str| part.parse::<f64>().map_err(|_| format!("{part:?} is not a probability"));
        let length = |part: &str| part.parse::<f64>().map_err(|_| format!("{part:?} is not a radius"));
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["two-stage", n0, n, alpha] => {
                Ok(TableSpec::TwoStage { n0: count(n0)?, n: count(n)?, alpha: level(alpha)? })
            }
            ["single-stage", n, alpha] => Ok(TableSpec::SingleStage { n: count(n)?, alpha: level(alpha)? }),
            ["predict", n, alpha] => Ok(TableSpec::Predict { n: count(n)?, alpha: level(alpha)? }),
            ["sequential", radius, n, alpha] => {
                Ok(TableSpec::Sequential { radius: length(radius)?, n: count(n)?, alpha: level(alpha)? })
            }
            _ => Err(format!(
                "{text:?}: expected two-stage:N0:N:ALPHA, single-stage:N:ALPHA, predict:N:ALPHA or \
                 sequential:R:N:ALPHA"
            )),
        }
    }
}
