//! What a sample takes on a board, from a file.

use std::path::Path;

use serde::Deserialize;

use crate::cli::CliError;
use crate::cli::lines::failed;

/// A JSON object: what `ringfence report --json` prints, or what was measured on a board.
#[derive(Debug, Deserialize)]
struct Board {
    /// Its name.
    device: String,
    /// Seconds of a noisy sample.
    seconds: Option<f64>,
    /// Instructions of a noisy sample.
    instructions: Option<f64>,
    /// Clock.
    mhz: Option<f64>,
    /// Cycles an instruction.
    cycles_per_instruction: Option<f64>,
}

/// Name of the board, and seconds of a noisy sample: as measured, else from instructions, clock and cycles.
pub(super) fn read(path: &Path) -> Result<(String, f64), CliError> {
    let text = std::fs::read_to_string(path).map_err(failed(path, "cannot be read"))?;
    let board: Board =
        serde_json::from_str(&text).map_err(|error| CliError::failed(path.display().to_string(), error))?;
    let computed = || Some(board.instructions? * board.cycles_per_instruction? / (board.mhz? * 1e6));
    let seconds = board.seconds.or_else(computed).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let seconds = seconds.ok_or_else(|| {
        CliError::Usage(format!(
            "{}: expected a positive `seconds` of a sample, or `instructions`, `mhz` and `cycles_per_instruction`",
            path.display()
        ))
    })?;
    let clock = board.mhz.map_or(String::new(), |mhz| format!(" at {mhz} MHz"));
    Ok((board.device + &clock, seconds))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn times_are_measured_or_computed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.json");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            read(&path).map_err(|error| error.one_line())
        };
        assert_eq!(read(r#"{"device": "b", "seconds": 0.1, "instructions": 5}"#), Ok(("b".to_owned(), 0.1)));
        let (name, seconds) =
            read(r#"{"device": "m4", "instructions": 13.5e6, "mhz": 168, "cycles_per_instruction": 1.6}"#)
                .unwrap();
        assert!(name == "m4 at 168 MHz" && (seconds - 0.128_571_428).abs() < 1e-8, "{seconds}");
        for wrong in
            [r#"{"device": "b"}"#, r#"{"device": "b", "seconds": -1}"#, r#"{"device": "b", "mhz": 3}"#]
        {
            assert!(read(wrong).unwrap_err().contains("expected a positive `seconds`"));
        }
        assert!(read(r#"{"seconds": 1}"#).unwrap_err().contains("missing field `device`"));
    }
}
