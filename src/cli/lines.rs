//! Files of lines that grow at their end, so that a run killed at any moment can be continued.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::CliError;

/// The open end of such a file, held by this process alone.
#[derive(Debug)]
pub(super) struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Starts a file; one that exists is an error.
    pub fn create(path: &Path) -> Result<Self, CliError> {
        let file = OpenOptions::new().write(true).create_new(true).open(path);
        Self::locked(path, file.map_err(failed(path, "cannot be created"))?)
    }

    /// Takes hold of a file that exists, before it is read: no other process may add to it meanwhile.
    pub fn resume(path: &Path) -> Result<Self, CliError> {
        let file = OpenOptions::new().append(true).open(path).map_err(failed(path, "cannot be written"))?;
        Self::locked(path, file)
    }

    /// Cuts off whatever follows the first `keep` bytes.
    pub fn cut(&self, keep: u64) -> Result<(), CliError> {
        self.file.set_len(keep).map_err(failed(&self.path, "cannot be written"))
    }

    /// Appends one line; it is in the hands of the operating system when this returns.
    pub fn write(&mut self, line: &str) -> Result<(), CliError> {
        // One call, so that a kill leaves a whole line or a torn one without its end.
        self.file
            .write_all(format!("{line}\n").as_bytes())
            .map_err(failed(&self.path, "cannot be written; --resume continues after the last whole row"))
    }

    fn locked(path: &Path, file: File) -> Result<Self, CliError> {
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), file }),
            Err(TryLockError::WouldBlock) => {
                Err(CliError::Usage(format!("{}: another process is writing this file", path.display())))
            }
            Err(TryLockError::Error(source)) => Err(failed(path, "cannot be locked")(source)),
        }
    }
}

/// The whole lines of a file, without their ends. A last line without an end was torn by an interruption: whatever is
/// in it, it is left out.
pub(super) fn whole_lines(path: &Path) -> Result<Vec<String>, CliError> {
    let bytes = fs::read(path).map_err(failed(path, "cannot be read"))?;
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    let lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n').enumerate();
    lines
        .map(|(number, line)| {
            let text = line.strip_suffix(b"\n").unwrap_or(line).to_vec();
            String::from_utf8(text).map_err(|error| wrong(path, number, &error.utf8_error().to_string()))
        })
        .collect()
}

/// A line that is not what was written; lines count from 0 here and from 1 in the message.
pub(super) fn wrong(path: &Path, number: usize, reason: &str) -> CliError {
    CliError::Usage(format!("{}: line {}: {reason}", path.display(), number + 1))
}

/// Bytes of a line with its end.
pub(super) fn line_bytes(line: &str) -> u64 {
    line.len() as u64 + 1
}

pub(super) fn failed<'p>(
    path: &'p Path,
    action: &'static str,
) -> impl Fn(std::io::Error) -> CliError + use<'p> {
    move |source| CliError::File { path: path.to_owned(), action, source }
}
