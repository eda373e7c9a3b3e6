//! Where rows go: standard output, or a file that an interrupted run can be continued from.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::cli::CliError;
use crate::report::{Method, Record, Row, TSV_HEADER, TSV_HEADER_SEQUENTIAL};

/// What must be the same for rows to belong to one run; kept beside the rows as `FILE.run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub json: bool,
    pub model_sha256: String,
    pub data: String,
    pub split: String,
    pub method: Method,
    pub n0: u32,
    pub n: u32,
    pub alpha: f64,
    /// Radius in pixels of a sequential run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_radius: Option<f64>,
    /// The given seed, or none for seeds from the operating system.
    pub seed: Option<String>,
}

impl Settings {
    fn tsv_header(&self) -> &'static str {
        if self.target_radius.is_some() { TSV_HEADER_SEQUENTIAL } else { TSV_HEADER }
    }

    /// Names and values of the first setting that differs.
    fn difference(&self, stored: &Self) -> Option<String> {
        let (ours, theirs) = (serde_json::to_value(self).ok()?, serde_json::to_value(stored).ok()?);
        let fields = ours.as_object()?;
        fields
            .iter()
            .find(|(name, value)| theirs.get(*name) != Some(value))
            .map(|(name, value)| format!("{name}: expected {value}, found {}", theirs[name]))
    }
}

/// The open end of a run's rows.
pub(super) struct Log {
    file: Option<(PathBuf, File)>,
}

impl Log {
    /// Starts a run, or continues the one in `out`, whose rows are returned. A last line torn by an interruption and a
    /// summary at the end are cut off.
    pub fn open(
        out: Option<&Path>,
        resume: bool,
        settings: &Settings,
        bar: &ProgressBar,
    ) -> Result<(Self, Vec<Row>), CliError> {
        let Some(path) = out else {
            let mut log = Self { file: None };
            log.header(settings, bar)?;
            return Ok((log, Vec::new()));
        };
        if path.exists() && !resume {
            return Err(CliError::Usage(format!(
                "{}: the file exists; --resume continues its run, removing it starts a new one",
                path.display()
            )));
        }
        if path.exists() {
            check_settings(path, settings)?;
            let (rows, keep) = read_rows(path, settings)?;
            let file =
                OpenOptions::new().append(true).open(path).map_err(failed(path, "cannot be written"))?;
            file.set_len(keep).map_err(failed(path, "cannot be written"))?;
            let mut log = Self { file: Some((path.to_owned(), file)) };
            if keep == 0 {
                log.header(settings, bar)?;
            }
            return Ok((log, rows));
        }
        let beside = settings_path(path);
        let text = serde_json::to_string_pretty(settings)
            .map_err(|error| CliError::failed(beside.display().to_string(), error))?;
        fs::write(&beside, text + "\n").map_err(failed(&beside, "cannot be written"))?;
        let file = File::create(path).map_err(failed(path, "cannot be written"))?;
        let mut log = Self { file: Some((path.to_owned(), file)) };
        log.header(settings, bar)?;
        Ok((log, Vec::new()))
    }

    /// Appends one line; it is in the hands of the operating system when this returns.
    pub fn write(&mut self, line: &str, bar: &ProgressBar) -> Result<(), CliError> {
        match &mut self.file {
            Some((path, file)) => {
                file.write_all(format!("{line}\n").as_bytes()).map_err(failed(path, "cannot be written"))
            }
            None => Ok(bar.suspend(|| writeln!(std::io::stdout(), "{line}"))?),
        }
    }

    fn header(&mut self, settings: &Settings, bar: &ProgressBar) -> Result<(), CliError> {
        if settings.json { Ok(()) } else { self.write(settings.tsv_header(), bar) }
    }
}

fn failed<'p>(path: &'p Path, action: &'static str) -> impl Fn(std::io::Error) -> CliError + use<'p> {
    move |source| CliError::File { path: path.to_owned(), action, source }
}

fn settings_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".run.json");
    name.into()
}

fn check_settings(path: &Path, settings: &Settings) -> Result<(), CliError> {
    let beside = settings_path(path);
    let text = fs::read_to_string(&beside)
        .map_err(failed(&beside, "the settings of the run to resume cannot be read"))?;
    let stored: Settings =
        serde_json::from_str(&text).map_err(|error| CliError::failed(beside.display().to_string(), error))?;
    match settings.difference(&stored) {
        None => Ok(()),
        Some(difference) => {
            Err(CliError::Usage(format!("{}: another run was started here: {difference}", beside.display())))
        }
    }
}

/// The rows of a file, and the length of the part of it that they fill.
fn read_rows(path: &Path, settings: &Settings) -> Result<(Vec<Row>, u64), CliError> {
    let header = settings.tsv_header();
    let text = fs::read_to_string(path).map_err(failed(path, "cannot be read"))?;
    let mut rows = Vec::new();
    let mut keep = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let Some(line_text) = line.strip_suffix('\n') else { break };
        let wrong =
            |reason: String| CliError::Usage(format!("{}: line {}: {reason}", path.display(), number + 1));
        if settings.json {
            if is_summary(line_text) {
                break;
            }
            let record: Record = serde_json::from_str(line_text).map_err(|error| wrong(error.to_string()))?;
            rows.push(record.row());
        } else if number == 0 {
            if line_text != header {
                return Err(wrong(format!("expected the header `{header}`, found `{line_text}`")));
            }
        } else {
            let (expected, found) = (header.split('\t').count(), line_text.split('\t').count());
            let row = Row::from_tsv(line_text).map_err(|error| wrong(error.to_string()))?;
            if found != expected {
                return Err(wrong(format!("{found} columns, expected {expected}")));
            }
            rows.push(row);
        }
        keep += line.len() as u64;
    }
    Ok((rows, keep))
}

/// Whether a JSON line is the summary that ends a finished run.
pub(crate) fn is_summary(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.get("summary").is_some())
}
