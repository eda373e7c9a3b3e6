//! The command line: `train`, `evaluate`, `export`.

mod device;
mod train;

use crate::error::Error;
use clap::{Parser, Subcommand};

/// Trains, evaluates and exports the networks that ringfence certifies.
#[derive(Debug, Parser)]
#[command(name = "ringfence-trainer", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network with Gaussian noise on its images
    Train(train::Args),
}

/// Runs the command line.
///
/// # Errors
/// Whatever the command reports.
pub fn run(cli: Cli) -> Result<(), Error> {
    match cli.command {
        Command::Train(args) => train::run(args),
    }
}

/// Sizes the thread pool; 0 leaves it at one thread for every core.
fn set_threads(threads: usize) -> Result<(), Error> {
    if threads == 0 {
        return Ok(());
    }
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()
        .map_err(|e| Error::Settings(format!("--threads {threads}: {e}")))
}
