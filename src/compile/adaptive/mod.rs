//! Models of adaptive smoothing: a mask network and a classifier in one file.
//!
//! The mask network is calibrated on what it will see, images under the first step's noise; the classifier on what comes
//! after it, the mix of both noisy images under the float network's masks.

mod images;
mod job;
mod steps;
#[cfg(test)]
mod tests;

pub use steps::Steps;

use super::{CompileError, Options};
use crate::data::Dataset;
use job::Job;

/// The files of both networks.
#[derive(Clone, Copy, Debug)]
pub struct Networks<'d> {
    /// From the mixed image to logits.
    pub classifier: &'d [u8],
    /// From a noisy image, in pixels of [0, 1], to a mask of its size in [0, 1].
    pub mask: &'d [u8],
}

/// Compiles two ONNX files to the bytes of one `.rfm` file, calibrated on `data`. `split` is the share of the first step in
/// the budget of noise, `name` is for people; `progress` receives (float runs done, float runs in all).
///
/// # Errors
/// The node, option, data file or number that cannot be compiled.
pub fn compile_adaptive(
    networks: Networks<'_>,
    name: &str,
    data: &dyn Dataset,
    (options, split): (&Options, f64),
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<u8>, CompileError> {
    Job::new(networks, data, options, split)?.run(name, progress)
}
