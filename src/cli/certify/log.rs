//! Where rows go: standard output, or a file that an interrupted run can be continued from.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::cli::CliError;
use crate::cli::lines::{Lines, failed, line_bytes, whole_lines, wrong};
use crate::report::{Generator, Method, Record, Row, TSV_HEADER, TSV_STOP_HEADER, TSV_TEST, TSV_TEST_HEADER};

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
    /// The generator of the noise.
    #[serde(default)]
    pub generator: Generator,
}

impl Settings {
    /// What the table has more in a run with a given seed: the mark that it holds no certificates.
    pub fn mark<'t>(&self, more: &'t str) -> &'t str {
        if self.seed.is_some() { more } else { "" }
    }

    /// The header line of the table, without its line end.
    fn header(&self) -> String {
        let stop = if self.target_radius.is_some() { TSV_STOP_HEADER } else { "" };
        [TSV_HEADER, stop, self.mark(TSV_TEST_HEADER)].concat()
    }

    /// Reads a row of the table.
    fn row(&self, line: &str) -> Result<Row, String> {
        let (expected, found) = (self.header().split('\t').count(), line.split('\t').count());
        if found != expected {
            return Err(format!("{found} columns, expected {expected}"));
        }
        let row = line.strip_suffix(self.mark(TSV_TEST)).ok_or("column `certificate`: expected `no`")?;
        Row::from_tsv(row).map_err(|error| error.to_string())
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
    file: Option<Lines>,
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
            let file = Lines::resume(path)?;
            let (rows, keep) = read_rows(path, settings)?;
            file.cut(keep)?;
            let mut log = Self { file: Some(file) };
            if keep == 0 {
                log.header(settings, bar)?;
            }
            return Ok((log, rows));
        }
        let beside = settings_path(path);
        let text = serde_json::to_string_pretty(settings)
            .map_err(|error| CliError::failed(beside.display().to_string(), error))?;
        fs::write(&beside, text + "\n").map_err(failed(&beside, "cannot be written"))?;
        let mut log = Self { file: Some(Lines::create(path)?) };
        log.header(settings, bar)?;
        Ok((log, Vec::new()))
    }

    /// Appends one line; it is in the hands of the operating system when this returns.
    pub fn write(&mut self, line: &str, bar: &ProgressBar) -> Result<(), CliError> {
        match &mut self.file {
            Some(file) => file.write(line),
            None => Ok(bar.suspend(|| writeln!(std::io::stdout(), "{line}"))?),
        }
    }

    fn header(&mut self, settings: &Settings, bar: &ProgressBar) -> Result<(), CliError> {
        if settings.json { Ok(()) } else { self.write(&settings.header(), bar) }
    }
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
    let mut rows = Vec::new();
    let mut keep = 0;
    for (number, line) in whole_lines(path)?.iter().enumerate() {
        if settings.json {
            if is_summary(line) {
                break;
            }
            let record = Record::from_json(line).map_err(|error| wrong(path, number, &error.to_string()))?;
            rows.push(record.row());
        } else if number == 0 {
            let header = settings.header();
            if *line != header {
                let reason = format!("expected the header `{header}`, found `{line}`");
                return Err(wrong(path, number, &reason));
            }
        } else {
            rows.push(settings.row(line).map_err(|reason| wrong(path, number, &reason))?);
        }
        keep += line_bytes(line);
    }
    Ok((rows, keep))
}

/// Whether a JSON line is the summary that ends a finished run.
pub(crate) fn is_summary(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|value| value.get("summary").is_some())
}
