//! The command line.

mod error;

pub use error::CliError;
