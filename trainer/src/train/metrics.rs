//! `metrics.jsonl`: one JSON object a line, appended as the run goes.

use crate::error::Error;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Metric {
    /// Mean over the steps since the last such line.
    Train {
        /// Steps done.
        step: u64,
        /// Epoch, from 0.
        epoch: u32,
        /// Learning rate of the last step.
        rate: f64,
        /// Mean loss of the method.
        loss: f64,
        /// Images a second.
        speed: f64,
    },
    /// After an epoch.
    Validation {
        /// Steps done.
        step: u64,
        /// Epochs done.
        epoch: u32,
        /// Accuracy on the held-out images with the training noise, in `[0, 1]`.
        accuracy: f64,
        /// Mean cross-entropy in nats.
        loss: f64,
        /// Accuracy on held-out images under the method's own attack with ten steps, for methods that have one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        robust: Option<f64>,
        /// Wall seconds of training so far.
        seconds: f64,
    },
}

impl Metric {
    fn step(&self) -> u64 {
        match self {
            Self::Train { step, .. } | Self::Validation { step, .. } => *step,
        }
    }
}

/// The open file.
#[derive(Debug)]
pub struct Metrics {
    path: PathBuf,
    file: File,
}

impl Metrics {
    /// The lines of the file in `out`; none if there is no file.
    ///
    /// # Errors
    /// Naming the file. A last line cut short by a crash is dropped; any other bad line is an error.
    pub fn read(out: &Path) -> Result<Vec<Metric>, Error> {
        let path = out.join("metrics.jsonl");
        if !path.exists() {
            return Ok(vec![]);
        }
        let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
        let whole = text.split_inclusive('\n').filter(|l| l.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).map_err(Error::json(&path))).collect()
    }

    /// Opens the file in `out`, keeping the lines up to `step`: a resumed run repeats later ones.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn open(out: &Path, step: u64) -> Result<Self, Error> {
        let path = out.join("metrics.jsonl");
        let mut kept = String::new();
        for metric in Self::read(out)?.iter().filter(|m| m.step() <= step) {
            kept.push_str(&serde_json::to_string(metric).map_err(Error::json(&path))?);
            kept.push('\n');
        }
        let scratch = path.with_extension("jsonl.new");
        fs::write(&scratch, kept).map_err(Error::file(&scratch))?;
        fs::rename(&scratch, &path).map_err(Error::file(&path))?;
        let file = OpenOptions::new().append(true).open(&path).map_err(Error::file(&path))?;
        Ok(Self { path, file })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// Naming the file.
    pub fn write(&mut self, metric: &Metric) -> Result<(), Error> {
        let line = serde_json::to_string(metric).map_err(Error::json(&self.path))?;
        writeln!(self.file, "{line}").map_err(Error::file(&self.path))
    }
}
