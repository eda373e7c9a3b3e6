//! The settings of a run, kept beside its rows as `FILE.run.json`: only rows of one run share a file.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::CliError;
use super::lines::failed;

/// Where the settings of the rows in `path` are.
pub(super) fn settings_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".run.json");
    name.into()
}

/// Refuses to start a run where there is a file.
pub(super) fn check_new(path: &Path, resume: bool) -> Result<(), CliError> {
    if path.exists() && !resume {
        return Err(CliError::Usage(format!(
            "{}: the file exists; --resume continues its run, removing it starts a new one",
            path.display()
        )));
    }
    Ok(())
}

/// Writes the settings of a new run.
pub(super) fn write_settings(path: &Path, settings: &impl Serialize) -> Result<(), CliError> {
    let beside = settings_path(path);
    let text = serde_json::to_string_pretty(settings)
        .map_err(|error| CliError::failed(beside.display().to_string(), error))?;
    fs::write(&beside, text + "\n").map_err(failed(&beside, "cannot be written"))
}

/// Reads the settings of a run.
pub(super) fn read_settings<S: DeserializeOwned>(path: &Path) -> Result<S, CliError> {
    let beside = settings_path(path);
    let text = fs::read_to_string(&beside)
        .map_err(failed(&beside, "the settings of the run to resume cannot be read"))?;
    serde_json::from_str(&text).map_err(|error| CliError::failed(beside.display().to_string(), error))
}

/// Refuses to continue a run with other settings, and names the first that differs.
pub(super) fn check_settings<S: Serialize + DeserializeOwned>(
    path: &Path,
    settings: &S,
) -> Result<(), CliError> {
    let stored: S = read_settings(path)?;
    let value = |settings: &S| serde_json::to_value(settings).unwrap_or_default();
    match difference(&value(settings), &value(&stored)) {
        None => Ok(()),
        Some(difference) => Err(CliError::Usage(format!(
            "{}: another run was started here: {difference}",
            settings_path(path).display()
        ))),
    }
}

/// Name and values of the first setting that differs.
pub(super) fn difference(expected: &Value, found: &Value) -> Option<String> {
    let fields = |value: &Value| value.as_object().map(|fields| fields.keys().cloned().collect());
    let names: BTreeSet<String> =
        [expected, found].into_iter().filter_map(fields).flat_map(|names: Vec<_>| names).collect();
    names
        .iter()
        .find(|name| expected.get(name) != found.get(name))
        .map(|name| format!("{name}: expected {}, found {}", expected[name], found[name]))
}
