//! The command line.
//!
//! Each verb is a module with `Args` and `run`. Results go to standard output, progress to standard error, an error to
//! standard error as one line. Exit codes: 0 done, 1 a check that the verb makes does not hold, 2 everything that kept
//! it from running.

mod aligned;
pub mod audit;
mod bench;
mod beside;
mod certify;
mod compile;
mod completions;
mod count_args;
mod data_args;
mod error;
mod explain;
mod inspect;
mod lines;
mod man;
mod memory;
mod merge;
mod model_file;
mod plot;
mod predict;
mod profile;
mod replay;
mod report;
mod request;
mod screen;
mod seed;
mod sequential;
mod shard;
mod tables;
mod validate;
mod voting;

use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

pub use error::CliError;

const ENDING: &str = "\
Examples:
  ringfence certify                            certify 100 rendered signs with the embedded model
  ringfence certify model.rfm --data cifar10:DIR --max 500
  ringfence profile --html page.html           what does each number of samples buy?
  ringfence VERB --help                        flags and examples of a verb

Exit codes:
  0  done
  1  the verb ran to its end and what it checks does not hold (replay, audit, profile)
  2  arguments, files, models or data kept it from running; one line on standard error says which, and what was expected";

/// Certified image classification: int8 networks, noise, votes and radii, the same bits on every machine
#[derive(Debug, Parser)]
#[command(name = "ringfence", version, propagate_version = true, after_help = ENDING)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Compile(compile::Args),
    Inspect(inspect::Args),
    Validate(validate::Args),
    Predict(predict::Args),
    Certify(certify::Args),
    Profile(Box<profile::Args>),
    Merge(merge::Args),
    Plot(plot::Args),
    Replay(replay::Args),
    Bench(bench::Args),
    Audit(audit::Args),
    Explain(explain::Args),
    Report(report::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// The definition of the command line: verbs, flags, help.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let result = match Cli::try_parse() {
        Ok(cli) => run(cli.verb),
        // Help and version: in colour on a terminal that has it, unless NO_COLOR is set.
        Err(error) if !error.use_stderr() => error.print().map_err(CliError::from),
        Err(error) => Err(error.into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is_closed_pipe() => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn run(verb: Verb) -> Result<(), CliError> {
    match verb {
        Verb::Compile(args) => compile::run(args),
        Verb::Inspect(args) => inspect::run(args),
        Verb::Validate(args) => validate::run(args),
        Verb::Predict(args) => predict::run(args),
        Verb::Certify(args) => certify::run(args),
        Verb::Profile(args) => profile::run(*args),
        Verb::Merge(args) => merge::run(args),
        Verb::Plot(args) => plot::run(args),
        Verb::Replay(args) => replay::run(args),
        Verb::Bench(args) => bench::run(args),
        Verb::Audit(args) => audit::run(args),
        Verb::Explain(args) => explain::run(args),
        Verb::Report(args) => report::run(args),
        Verb::Completions(args) => completions::run(args),
        Verb::Man(args) => man::run(args),
    }
}

fn fail(error: &CliError) -> ExitCode {
    // Where standard error is closed or full too, the exit code has to do.
    let _ = writeln!(std::io::stderr(), "error: {}", error.one_line());
    error.exit_code()
}

fn to_json(value: &impl serde::Serialize) -> Result<String, CliError> {
    serde_json::to_string(value).map_err(|error| CliError::failed("JSON", error))
}
