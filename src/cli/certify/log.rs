//! Where rows go: standard output, or a file that an interrupted run can be continued from.

use std::io::Write;
use std::path::Path;

use indicatif::ProgressBar;
use serde::{Deserialize, Serialize};

use crate::cli::CliError;
use crate::cli::beside::{check_new, check_settings, write_settings};
use crate::cli::lines::{Lines, line_bytes, whole_lines, wrong};
use crate::cli::shard::Part;
use crate::report::{
    Generator, Method, Norm, Record, Row, TSV_HEADER, TSV_STOP_HEADER, TSV_TEST, TSV_TEST_HEADER,
};

/// What must be the same for rows to belong to one run; kept beside the rows as `FILE.run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Settings {
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
    /// The norm of the radii.
    #[serde(default, skip_serializing_if = "is_l2")]
    pub norm: Norm,
    /// The given seed, or none for seeds from the operating system.
    pub seed: Option<String>,
    /// The generator of the noise.
    #[serde(default)]
    pub generator: Generator,
    /// Whether wall times are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub untimed: bool,
    /// The part of the images that these rows are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Part>,
}

fn is_l2(norm: &Norm) -> bool {
    *norm == Norm::L2
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
        check_new(path, resume)?;
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
        write_settings(path, settings)?;
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

/// The rows of a file, and the length of the part of it that they fill.
pub(crate) fn read_rows(path: &Path, settings: &Settings) -> Result<(Vec<Row>, u64), CliError> {
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
