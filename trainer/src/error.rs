//! What can go wrong.

use ringfence::compile::CompileError;
use ringfence::data::DataError;
use std::path::{Path, PathBuf};

/// Why a command of the trainer stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data set.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A file or folder.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A JSON file that does not parse or lacks a field.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
    /// A tensor file of a checkpoint.
    #[error("{}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// What Burn said.
        reason: String,
    },
    /// The loss is no number any more.
    #[error("loss is {loss} at step {step} (epoch {epoch}); last good checkpoint: {checkpoint}")]
    Diverged {
        /// The loss.
        loss: f32,
        /// The step, from 0.
        step: u64,
        /// The epoch, from 0.
        epoch: u32,
        /// The newest checkpoint's folder, or `none`.
        checkpoint: String,
    },
    /// Settings that contradict each other or the data.
    #[error("{0}")]
    Settings(String),
    /// What the compiler says of a network.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The integer network could not be run.
    #[error("integer network: {0}")]
    Integer(String),
    /// The audit of certificates could not go on.
    #[error("{0}")]
    Audit(String),
    /// No CUDA device can be used.
    #[error("--device {device}: {reason}")]
    Device {
        /// The device asked for.
        device: String,
        /// What is missing.
        reason: String,
    },
}

impl Error {
    /// Wraps an error of the file at `path`.
    pub fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::File { path: path.to_owned(), source }
    }

    /// Wraps a JSON error of the file at `path`.
    pub fn json(path: &Path) -> impl FnOnce(serde_json::Error) -> Self + '_ {
        |source| Self::Json { path: path.to_owned(), source }
    }

    /// Wraps Burn's error of the tensor file at `path`.
    pub fn record<E: std::fmt::Display>(path: &Path) -> impl FnOnce(E) -> Self + '_ {
        |e| Self::Record { path: path.to_owned(), reason: e.to_string() }
    }
}
