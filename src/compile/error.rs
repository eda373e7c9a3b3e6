//! Why a network was not compiled.

use ringfence_runtime::FormatError;
use thiserror::Error;

use crate::certificate::CertificateError;
use crate::data::DataError;
use crate::noise::NoiseError;
use crate::onnx::OnnxError;

/// Error of compiling or validating a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CompileError {
    /// The ONNX file is not a network that can be compiled.
    #[error(transparent)]
    Onnx(#[from] OnnxError),
    /// The data set cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// No noise table for this sigma.
    #[error(transparent)]
    Noise(#[from] NoiseError),
    /// No certificate table for these options.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// An option does not fit the model or the data.
    #[error("{option}: {reason}")]
    Option {
        /// The option's name on the command line.
        option: &'static str,
        /// What was expected and found.
        reason: String,
    },
    /// The network exceeds what the model format can hold.
    #[error("layer {layer}: {what} {found}, at most {most} fit the model format")]
    TooLarge {
        /// Name of the layer.
        layer: String,
        /// Which of its numbers.
        what: &'static str,
        /// Its value.
        found: usize,
        /// The limit.
        most: usize,
    },
    /// A number of the quantised layer does not fit; the float weights are out of proportion.
    #[error("layer {layer}: {what} {found} cannot be represented in the integer model")]
    Range {
        /// Name of the layer.
        layer: String,
        /// Which number.
        what: &'static str,
        /// Its value.
        found: f64,
    },
    /// A partly quantised network, and no images to calibrate the rest on.
    #[error(
        "layer {layer}: the file gives no levels for its result {value}: quantise it, or name images to calibrate on \
         (--calibrate)"
    )]
    Levels {
        /// Name of the layer.
        layer: String,
        /// Name of its ONNX value.
        value: String,
    },
    /// The levels given for a maximum are not those of what it is taken of.
    #[error("layer {layer}: its result has {found}; expected {wanted}, as what the maximum is taken of")]
    MaximumLevels {
        /// Name of the layer.
        layer: String,
        /// The levels given.
        found: String,
        /// Those of its input.
        wanted: String,
    },
    /// A model file is damaged (of a file given to `validate` or `inspect`).
    #[error("model file: {0}")]
    Format(#[from] FormatError),
    /// The model file cannot be compared with this ONNX file.
    #[error("{0}")]
    Mismatch(String),
}

impl CompileError {
    /// A number of `layer` that cannot be represented.
    pub(super) fn range(layer: &str, what: &'static str, found: f64) -> Self {
        Self::Range { layer: layer.to_owned(), what, found }
    }
}
