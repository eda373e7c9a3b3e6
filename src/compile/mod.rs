//! From a float graph to an integer model file.
//!
//! ```text
//! onnx::parse -> fold -> lower -> calibrate (float model on noisy images) -> quantise -> arena -> write
//! ```
//!
//! [`fold`](mod@fold) removes what need not be computed, [`lower`] decides what is fused, [`calibrate`] measures
//! ranges that the file does not give, [`quantise`] chooses scales and integers, [`arena`] places activations, [`write`](mod@write) and [`pack`] make the
//! bytes.

pub mod adaptive;
pub mod arena;
pub mod calibrate;
pub mod difference;
pub mod emit;
mod error;
pub mod filter;
pub mod fold;
pub mod input;
pub mod inspect;
mod job;
mod limits;
pub mod lower;
pub mod meta;
pub mod network;
mod options;
pub mod pack;
pub mod part;
pub mod quantise;
pub mod range;
pub mod ranges;
pub mod requant;
pub mod samples;
pub mod scale;
#[cfg(test)]
mod tests;
pub mod validate;
pub mod write;

pub use adaptive::{Networks, compile_adaptive};
pub use error::CompileError;
pub use options::{ActivationBits, Options, TableSpec};

use job::Job;

use crate::data::Dataset;

/// Compiles an ONNX file to the bytes of an `.rfm` file, calibrated on `data` where the file itself does not give levels.
/// `name` is for people.
///
/// # Errors
/// The node, option, data file or number that cannot be compiled.
pub fn compile(
    onnx: &[u8],
    name: &str,
    data: &dyn Dataset,
    options: &Options,
) -> Result<Vec<u8>, CompileError> {
    compile_observed(onnx, name, data, options, &|_, _| {})
}

/// [`compile`] with a callback that receives (float runs done, float runs in all) during calibration, from any thread.
///
/// # Errors
/// As [`compile`].
pub fn compile_observed(
    onnx: &[u8],
    name: &str,
    data: &dyn Dataset,
    options: &Options,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<u8>, CompileError> {
    run(&Job::new(onnx, Some(data), options)?, name, progress)
}

/// Compiles an ONNX file that gives the levels of its activations (QuantizeLinear and DequantizeLinear around each), which
/// needs no images: the same file and options give the same bytes.
///
/// # Errors
/// As [`compile`], and the first layer whose result has no levels.
pub fn compile_quantised(onnx: &[u8], name: &str, options: &Options) -> Result<Vec<u8>, CompileError> {
    run(&Job::new(onnx, None, options)?, name, &|_, _| {})
}

fn run(job: &Job<'_>, name: &str, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<u8>, CompileError> {
    let calibration = job.calibrate(progress)?;
    let integer = quantise::quantise(&job.part.network, &job.part.input, calibration.as_ref())?;
    job.assemble(name, &integer, calibration.as_ref())
}
