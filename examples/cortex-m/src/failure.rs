//! Why a program ends with exit code 1.

use core::fmt;
use ringfence_runtime::smooth::{Error, ImageError};
use ringfence_runtime::{ExecError, FormatError};

/// Why a program ends with exit code 1.
#[derive(Debug)]
pub enum Failure {
    /// The model was refused.
    Model(FormatError),
    /// The image was refused.
    Image(ImageError),
    /// Nothing was certified.
    Smoothing(Error),
    /// The network did not run.
    Network(ExecError),
    /// Anything else.
    Other(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model(error) => error.fmt(f),
            Self::Image(error) => error.fmt(f),
            Self::Smoothing(error) => error.fmt(f),
            Self::Network(error) => error.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

macro_rules! from {
    ($($error:ty: $variant:ident),*) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(FormatError: Model, ImageError: Image, Error: Smoothing, ExecError: Network, &'static str: Other);
