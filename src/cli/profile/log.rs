//! Rows of a profile in a file that an interrupted run can be continued from, or in memory.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::cli::beside::{check_new, check_settings, write_settings};
use crate::cli::lines::{Lines, line_bytes, whole_lines, wrong};
use crate::cli::shard::Part;
use crate::cli::{CliError, to_json};
use crate::profile::{ProfileRow, Rule};
use crate::report::Generator;

/// Name and version of the rows.
pub(crate) const ROWS_SCHEMA: &str = "ringfence.profile.rows/1";

/// What must be the same for rows to belong to one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub schema: String,
    pub model_sha256: String,
    pub data: String,
    pub split: String,
    pub attacked: Option<String>,
    pub n: Vec<u32>,
    pub votes: Vec<Rule>,
    pub alpha: f64,
    pub target_radius: Option<f64>,
    pub seed: Option<String>,
    pub generator: Generator,
    pub untimed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Part>,
}

/// The rows so far, and where the next ones go.
pub(super) struct Log {
    file: Option<Lines>,
    pub rows: Vec<ProfileRow>,
}

impl Log {
    /// Starts a run, or continues the one in `out`. A last line torn by an interruption is cut off.
    pub fn open(out: Option<&Path>, resume: bool, settings: &Settings) -> Result<Self, CliError> {
        let Some(path) = out else { return Ok(Self { file: None, rows: Vec::new() }) };
        check_new(path, resume)?;
        if !path.exists() {
            write_settings(path, settings)?;
            return Ok(Self { file: Some(Lines::create(path)?), rows: Vec::new() });
        }
        check_settings(path, settings)?;
        let file = Lines::resume(path)?;
        let (mut rows, mut keep) = (Vec::new(), 0);
        for (number, line) in whole_lines(path)?.iter().enumerate() {
            let row: ProfileRow =
                serde_json::from_str(line).map_err(|error| wrong(path, number, &error.to_string()))?;
            if !row.fits(settings.n.len(), &settings.votes) {
                let reason = format!("expected lists of {} entries, one for each N", settings.n.len());
                return Err(wrong(path, number, &reason));
            }
            rows.push(row);
            keep += line_bytes(line);
        }
        file.cut(keep)?;
        Ok(Self { file: Some(file), rows })
    }

    /// Appends a row.
    pub fn push(&mut self, row: ProfileRow) -> Result<(), CliError> {
        if let Some(file) = &mut self.file {
            file.write(&to_json(&row)?)?;
        }
        self.rows.push(row);
        Ok(())
    }
}
