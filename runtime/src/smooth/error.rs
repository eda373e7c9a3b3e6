//! Why nothing was classified, voted or certified.

use crate::arch::Backend;
use crate::certificate::{ConcludeError, Radius};
use crate::exec::ExecError;
use crate::format::{Method, Norm};
use core::fmt;

/// Why nothing was classified, voted or certified.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The arena does not hold a single sample.
    ArenaTooSmall {
        /// Bytes of one sample.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// This CPU cannot run the backend.
    BackendUnavailable(Backend),
    /// The image does not have the model's shape.
    ImageShape {
        /// Channels, height and width of the model.
        expected: [usize; 3],
        /// Channels, height and width of the image.
        found: [usize; 3],
    },
    /// The model has no certificate table for these numbers; the host can make one.
    NoTable {
        /// Method asked for.
        method: Method,
        /// Votes that choose the class.
        n0: u32,
        /// Votes that are counted.
        n: u32,
        /// Bits of the f64 alpha.
        alpha_bits: u64,
    },
    /// The model has no sequential table for these numbers; the host can make one.
    NoSequentialTable {
        /// The target radius.
        radius: Radius,
        /// Most votes.
        n: u32,
        /// Bits of the f64 alpha.
        alpha_bits: u64,
    },
    /// A table of another method was given.
    TableMethod {
        /// Its method.
        found: Method,
    },
    /// A table of radii in another norm than the model's.
    TableNorm {
        /// The model's.
        expected: Norm,
        /// The table's.
        found: Norm,
    },
    /// A vote of no samples.
    NoSamples,
    /// A run was finished before its last step; a sequential one had not decided yet.
    Unfinished {
        /// Samples done.
        done: u64,
        /// Samples of the run, the most of a sequential one.
        total: u64,
    },
    /// The counts are not those of the table.
    Conclude(ConcludeError),
    /// The executor refused; never seen for a parsed model.
    Exec(ExecError),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ArenaTooSmall { needed, given } => {
                write!(f, "arena of {given} bytes, one sample needs {needed}")
            }
            Self::BackendUnavailable(backend) => write!(f, "this CPU cannot run backend {}", backend.name()),
            Self::ImageShape { expected: [c, h, w], found } => write!(
                f,
                "image of {}x{}x{} (channels x height x width), the model takes {c}x{h}x{w}",
                found[0], found[1], found[2]
            ),
            Self::NoTable { method, n0, n, alpha_bits } => write!(
                f,
                "the model has no {method:?} table for n0 {n0}, n {n}, alpha {}",
                f64::from_bits(*alpha_bits)
            ),
            Self::NoSequentialTable { radius, n, alpha_bits } => write!(
                f,
                "the model has no sequential table for radius {radius} ({} units of 2^-20), n {n}, alpha {}",
                radius.units(),
                f64::from_bits(*alpha_bits)
            ),
            Self::TableMethod { found } => write!(f, "a {found:?} table does not serve here"),
            Self::TableNorm { expected, found } => {
                write!(f, "a table of {found:?} radii, those of this model are {expected:?}")
            }
            Self::NoSamples => write!(f, "a vote needs at least one sample"),
            Self::Unfinished { done, total } => write!(f, "{done} of {total} samples done"),
            Self::Conclude(error) => error.fmt(f),
            Self::Exec(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<ExecError> for Error {
    fn from(error: ExecError) -> Self {
        Self::Exec(error)
    }
}

impl From<ConcludeError> for Error {
    fn from(error: ConcludeError) -> Self {
        Self::Conclude(error)
    }
}
