//! Where rows go: standard output, or a file of JSON lines that an interrupted run can be continued from.

use std::io::Write;
use std::path::Path;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use super::row::{AuditRow, Settings};
use crate::cli::certify::log::is_summary;
use crate::cli::lines::{Lines, line_bytes, whole_lines, wrong};
use crate::cli::{CliError, to_json};

/// First line of a file.
#[derive(Serialize, Deserialize)]
struct Head {
    settings: Settings,
}

/// The open end of a run's rows. A file holds JSON lines whatever standard output shows.
pub(super) struct Log {
    file: Option<Lines>,
    json: bool,
}

impl Log {
    /// Starts a run, or continues the one in `out`, whose rows are returned.
    pub fn open(
        out: Option<&Path>,
        resume: bool,
        json: bool,
        settings: &Settings,
    ) -> Result<(Self, Vec<AuditRow>), CliError> {
        let Some(path) = out else {
            if !json {
                writeln!(std::io::stdout(), "{}", AuditRow::TSV_HEADER)?;
            }
            return Ok((Self { file: None, json }, Vec::new()));
        };
        if path.exists() && !resume {
            return Err(CliError::Usage(format!(
                "{}: the file exists; --resume continues its run, removing it starts a new one",
                path.display()
            )));
        }
        let head = to_json(&Head { settings: settings.clone() })?;
        if !path.exists() {
            let mut file = Lines::create(path)?;
            file.write(&head)?;
            return Ok((Self { file: Some(file), json }, Vec::new()));
        }
        let mut file = Lines::resume(path)?;
        let (rows, keep) = read(path, settings)?;
        file.cut(keep)?;
        if keep == 0 {
            file.write(&head)?;
        }
        Ok((Self { file: Some(file), json }, rows))
    }

    /// Appends a row.
    pub fn row(&mut self, row: &AuditRow, bar: &ProgressBar) -> Result<(), CliError> {
        match &mut self.file {
            Some(file) => file.write(&to_json(row)?),
            None => {
                let line = if self.json { to_json(row)? } else { row.to_tsv() };
                Ok(bar.suspend(|| writeln!(std::io::stdout(), "{line}"))?)
            }
        }
    }

    /// Ends a file with the summary.
    pub fn summary(&mut self, line: &str) -> Result<(), CliError> {
        self.file.as_mut().map_or(Ok(()), |file| file.write(line))
    }
}

/// The rows of a file, and the length of the part that is kept: a summary at the end is not.
fn read(path: &Path, settings: &Settings) -> Result<(Vec<AuditRow>, u64), CliError> {
    let (mut rows, mut keep) = (Vec::new(), 0);
    for (number, line) in whole_lines(path)?.iter().enumerate() {
        if number == 0 {
            let head: Head =
                serde_json::from_str(line).map_err(|error| wrong(path, number, &error.to_string()))?;
            if head.settings != *settings {
                let found = to_json(&head.settings)?;
                return Err(CliError::Usage(format!(
                    "{}: another run was started here, with {found}",
                    path.display()
                )));
            }
        } else if is_summary(line) {
            break;
        } else {
            rows.push(serde_json::from_str(line).map_err(|error| wrong(path, number, &error.to_string()))?);
        }
        keep += line_bytes(line);
    }
    Ok((rows, keep))
}
