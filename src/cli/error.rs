//! Errors of the command line and their exit codes.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use ringfence_runtime::FormatError;

use crate::data::DataError;

/// Why a verb did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CliError {
    /// Arguments that do not fit together or cannot be served here.
    #[error("{0}")]
    Usage(String),
    /// The verb ran to its end and what it checks does not hold; exit code 1.
    #[error("{0}")]
    CheckFailed(String),
    /// A file that cannot be read or written.
    #[error("{}: {action}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What failed: "cannot be read", ...
        action: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that is not a model.
    #[error("{name}: not a usable model")]
    Model {
        /// Path of the file or name of the embedded model.
        name: String,
        /// What is wrong with it.
        source: FormatError,
    },
    /// A data set that cannot be opened or read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// Standard output is closed or full.
    #[error("standard output")]
    Output(#[from] std::io::Error),
    /// Any other failure of a library part, with what was being done.
    #[error("{context}")]
    Failed {
        /// File, node or step.
        context: String,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
}

impl CliError {
    /// A failure of a library part while doing `context`.
    pub fn failed(context: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Failed { context: context.into(), source: source.into() }
    }

    /// 1 for a check that does not hold, 2 for everything that kept a verb from running.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::CheckFailed(_) => ExitCode::from(1),
            _ => ExitCode::from(2),
        }
    }

    /// Whether the reader of standard output went away (`ringfence ... | head`), which is no failure.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// The message and its sources on one line.
    #[must_use]
    pub fn one_line(&self) -> String {
        let mut line = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            line = format!("{line}: {error}");
            source = error.source();
        }
        line.replace('\n', " ")
    }
}

impl From<clap::Error> for CliError {
    /// The complaint on one line, with what was probably meant, without the usage that follows it.
    fn from(error: clap::Error) -> Self {
        if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            return Self::Usage("no verb is given; see --help".to_owned());
        }
        let text = error.to_string();
        let complaints = text.split("\n\n").enumerate().filter_map(|(i, part)| match i {
            0 => Some(part.strip_prefix("error: ").unwrap_or(part)),
            _ => part.trim_start().strip_prefix("tip: "),
        });
        let words = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
        let complaints: Vec<_> = complaints.map(words).collect();
        Self::Usage(format!("{}; see --help", complaints.join("; ")))
    }
}
