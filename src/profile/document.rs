//! The whole answer, as it is written.

use serde::Serialize;

use super::advice::Advice;
use super::latency::Timing;
use super::points::{Point, Shares};
use crate::report::Norm;

/// Name and version of the JSON layout of [`Document`]. Fields may be added under the same version; none is renamed,
/// removed or given another meaning.
pub const PROFILE_SCHEMA: &str = "ringfence.profile/1";

/// What was profiled.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Subject {
    /// The model as it was named.
    pub model: String,
    /// Its hash.
    pub model_sha256: String,
    /// Deviation of the noise in pixels of [0, 1].
    pub sigma: f64,
    /// What radii are measured in.
    pub norm: Norm,
    /// Data set.
    pub data: String,
    /// Its half.
    pub split: String,
    /// Images of it.
    pub images: usize,
    /// File of attacked images.
    pub attacked: Option<String>,
    /// Images of it.
    pub attacked_images: usize,
    /// Probability of a wrong certificate, for each N by itself.
    pub alpha: f64,
    /// Radius in pixels that one certification with as few samples as it takes was to show.
    pub target_radius: Option<f64>,
    /// Generator of the noise.
    pub generator: &'static str,
    /// The given seed, or none for seeds from the operating system.
    pub seed: Option<String>,
    /// Whether the seeds are fresh, so that the certificates hold.
    pub certificate: bool,
}

/// What one operation of the network takes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerTime {
    /// `noise`, or the name of the ONNX node, or the kind of operation.
    pub name: String,
    /// Kind of operation.
    pub kind: &'static str,
    /// Microseconds a sample, on one thread.
    pub us: f64,
    /// Share of the sample.
    pub share: f64,
    /// Multiply-accumulates.
    pub macs: u64,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Document {
    /// [`PROFILE_SCHEMA`].
    pub schema: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// What was profiled.
    #[serde(flatten)]
    pub subject: Subject,
    /// One pass without noise.
    pub plain: Shares,
    /// For each N.
    pub points: Vec<Point>,
    /// Times of each way to compute; the first is that of the votes. Empty if the run was not timed.
    pub timings: Vec<Timing>,
    /// Which N to take, for each way to compute.
    pub advice: Vec<Advice>,
    /// What each operation takes with the first instruction set; empty if not measured.
    pub layers: Vec<LayerTime>,
}
