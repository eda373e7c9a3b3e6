//! A certificate as it is stored: everything needed to compute it again, bit for bit.

use clap::ValueEnum;
use ringfence_runtime::noise;
use serde::{Deserialize, Serialize};

use super::rows::Row;
use super::stops::{Stop, Verdict};

/// Name and version of the JSON lines that `certify --json` writes. Fields may be added under the same version; none is
/// renamed, removed or given another meaning.
pub const CERTIFY_SCHEMA: &str = "ringfence.certify/1";

/// The version of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Schema {
    /// [`CERTIFY_SCHEMA`]; also of records that were written before records named it.
    #[default]
    #[serde(rename = "ringfence.certify/1")]
    One,
}

/// The generator of the noise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Generator {
    /// xoshiro128++ in lanes that ChaCha8 seeds
    #[default]
    Xoshiro,
    /// ChaCha8 itself: slower, and random also to an attacker who has seen some of the noise
    #[value(name = "chacha8")]
    ChaCha8,
}

impl From<Generator> for noise::Generator {
    fn from(generator: Generator) -> Self {
        match generator {
            Generator::Xoshiro => Self::Xoshiro,
            Generator::ChaCha8 => Self::ChaCha,
        }
    }
}

/// The norm that the radius is measured in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Norm {
    /// Euclidean, over all values of the image.
    #[default]
    L2,
    /// The largest difference of any value.
    LInf,
}

impl Norm {
    /// The runtime's norm.
    #[must_use]
    pub fn of(norm: ringfence_runtime::certificate::Norm) -> Self {
        match norm {
            ringfence_runtime::certificate::Norm::L2 => Self::L2,
            ringfence_runtime::certificate::Norm::LInf => Self::LInf,
        }
    }

    /// What radii are shown in, in words, and how many of it are a pixel of full scale 1: L-infinity radii are small, and
    /// shown in steps of an 8-bit pixel.
    #[must_use]
    pub fn shown_in(self) -> (&'static str, f64) {
        match self {
            Self::L2 => ("L2 radius (pixels in [0, 1])", 1.0),
            Self::LInf => ("L-infinity radius (1/255)", 255.0),
        }
    }

    /// A radius in pixels as it is shown: at most four decimals.
    #[must_use]
    pub fn shown(self, radius: f64) -> String {
        let text = format!("{:.4}", radius * self.shown_in().1);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    /// Radii in pixels at which certified accuracy is usually given.
    #[must_use]
    pub fn usual_radii(self) -> Vec<f64> {
        match self {
            Self::L2 => vec![0.0, 0.25, 0.5, 0.75, 1.0],
            Self::LInf => [0.0, 0.25, 0.5, 1.0, 2.0, 4.0].map(|steps| steps / 255.0).to_vec(),
        }
    }
}

/// What a radius of 1 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A pixel value's way from black to white.
    #[default]
    Pixel,
}

/// How votes become a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// `n0` votes select the class, `n` fresh votes are counted (Cohen et al. 2019).
    TwoStage,
    /// All `n` votes select and are counted; `n0` is 0.
    SingleStage,
    /// At most `n` samples, counted until one radius is certified or out of reach; `n0` is 0.
    Sequential,
}

/// Where the seed of a certificate came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SeedSource {
    /// The operating system, after the image was fixed: the probability statement holds.
    Os,
    /// The command line: a replay or test; somebody who knew the seed could have chosen the image to fit it.
    Given,
}

/// What a sequential certification was to show, and where it stopped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequential {
    /// The radius asked for, in pixels of `[0, 1]`.
    pub target_radius: f64,
    /// The same rounded up to units of 2^-20 pixel.
    pub target_radius_units: u32,
    /// How it ended.
    pub outcome: Verdict,
    /// Samples that were counted until then.
    pub samples: u32,
}

/// One line of `certify --json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Version of the record.
    #[serde(default)]
    pub schema: Schema,
    /// Version of the program that wrote it; empty if it did not say. Not compared by a replay.
    #[serde(default)]
    pub version: String,
    /// Index in the split of the data set.
    pub idx: usize,
    /// True class.
    pub label: usize,
    /// Certified class, -1 for an abstention.
    pub predict: i64,
    /// Norm of the radius.
    #[serde(default)]
    pub norm: Norm,
    /// Unit of the radius.
    #[serde(default)]
    pub unit: Unit,
    /// Certified radius in pixels of `[0, 1]`, rounded down to seven decimals.
    pub radius: f64,
    /// The same radius exactly, in units of 2^-20 pixel.
    pub radius_units: u32,
    /// The same radius in steps of 1/255, rounded down to four decimals.
    pub radius_255: f64,
    /// 1 if `predict` equals `label`, else 0.
    pub correct: u8,
    /// Wall time in seconds. Not compared by a replay.
    pub time_s: f64,
    /// Votes of each class among the `n` counted samples, or among those until a sequential certification stopped.
    pub counts: Vec<u32>,
    /// Votes of each class among the `n0` selecting samples; empty for methods without selection.
    pub selection: Vec<u32>,
    /// The seed of this image, 64 hexadecimal digits.
    pub seed: String,
    /// Where the seed came from.
    pub seed_source: SeedSource,
    /// The generator of the noise.
    #[serde(default)]
    pub generator: Generator,
    /// Selecting samples.
    pub n0: u32,
    /// Counted samples; the most that a sequential certification may use.
    pub n: u32,
    /// Probability of a wrong statement.
    pub alpha: f64,
    /// How votes become a certificate.
    pub method: Method,
    /// Only of the sequential method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequential: Option<Sequential>,
    /// Standard deviation of the noise in pixels, from the model.
    pub sigma: f64,
    /// The model as it was named on the command line.
    pub model: String,
    /// SHA-256 of the model file.
    pub model_sha256: String,
    /// SHA-256 of the image's bytes, channel-height-width.
    pub image_sha256: String,
    /// Spec of the data set.
    pub data: String,
    /// `train` or `test`.
    pub split: String,
}

impl Record {
    /// Reads a line of `certify --json`.
    ///
    /// # Errors
    /// A field is missing or does not fit.
    pub fn from_json(line: &str) -> Result<Self, serde_json::Error> {
        let record: Self = serde_json::from_str(line)?;
        if record.sequential.is_some() == (record.method == Method::Sequential) {
            Ok(record)
        } else {
            Err(serde::de::Error::custom("sequential: expected in records of this method and in no others"))
        }
    }

    /// The fields of the plain table.
    #[must_use]
    pub fn row(&self) -> Row {
        Row {
            idx: self.idx,
            label: self.label,
            predict: usize::try_from(self.predict).ok(),
            radius_units: self.radius_units,
            time: std::time::Duration::try_from_secs_f64(self.time_s).unwrap_or_default(),
            stop: self.sequential.map(|end| Stop { verdict: end.outcome, samples: end.samples }),
        }
    }

    /// `radius_255` of a radius in units of 2^-20 pixel.
    #[must_use]
    pub fn steps_of_255(radius_units: u32) -> f64 {
        ((u64::from(radius_units) * 2_550_000) >> 20) as f64 / 10_000.0
    }

    /// Names of the fields in which two records differ; what names a place, a time or a program is left out.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<&'static str> {
        let pairs = [
            ("idx", self.idx == other.idx),
            ("label", self.label == other.label),
            ("predict", self.predict == other.predict),
            ("norm", self.norm == other.norm),
            ("unit", self.unit == other.unit),
            ("radius", self.radius.to_bits() == other.radius.to_bits()),
            ("radius_units", self.radius_units == other.radius_units),
            ("radius_255", self.radius_255.to_bits() == other.radius_255.to_bits()),
            ("correct", self.correct == other.correct),
            ("counts", self.counts == other.counts),
            ("selection", self.selection == other.selection),
            ("seed", self.seed == other.seed),
            ("seed_source", self.seed_source == other.seed_source),
            ("generator", self.generator == other.generator),
            ("n0", self.n0 == other.n0),
            ("n", self.n == other.n),
            ("alpha", self.alpha.to_bits() == other.alpha.to_bits()),
            ("method", self.method == other.method),
            ("sequential", self.sequential == other.sequential),
            ("sigma", self.sigma.to_bits() == other.sigma.to_bits()),
            ("model_sha256", self.model_sha256 == other.model_sha256),
            ("image_sha256", self.image_sha256 == other.image_sha256),
            ("split", self.split == other.split),
        ];
        pairs.into_iter().filter(|(_, equal)| !equal).map(|(name, _)| name).collect()
    }
}
