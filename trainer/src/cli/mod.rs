//! The command line: `train`, `methods`, `quantise`, `evaluate`, `baseline`, `attack`, `attacks`, `audit`, `diagnose`, `export`, `import`.

mod attack;
mod audit;
mod baseline;
#[cfg(any(test, feature = "cuda"))]
mod cuda;
mod device;
mod diagnose;
mod evaluate;
mod export;
mod import;
mod methods;
mod quantise;
mod recipe;
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
    /// Train a network
    Train(Box<train::Args>),
    /// List training methods and published recipes
    Methods(methods::Args),
    /// Fine-tune a float network on the integers that the runtime computes
    Quantise(quantise::Args),
    /// Measure the accuracy of a checkpoint, with and without noise, as one line of JSON
    Evaluate(evaluate::Args),
    /// Certify test images by other smoothing methods, in floats, to compare with
    Baseline(baseline::Args),
    /// Attack a checkpoint's network and print what each attack leaves of its accuracy
    Attack(attack::Args),
    /// List attacks
    Attacks,
    /// Attack certificates with gradients: look inside each certified ball for an image of another class
    #[command(after_help = audit::EXAMPLES)]
    Audit(Box<audit::Args>),
    /// Check whether a checkpoint's robust accuracy can be believed
    Diagnose(Box<diagnose::Args>),
    /// Write a checkpoint as an ONNX file (float, or QDQ after quantise) and a JSON card
    Export(export::Args),
    /// Make a checkpoint of an exported float network, to attack, evaluate or train it further
    Import(import::Args),
}

/// Runs the command line.
///
/// # Errors
/// Whatever the command reports.
pub fn run(cli: Cli) -> Result<Outcome, Error> {
    let done = match cli.command {
        Command::Train(args) => with_threads(args.threads, || train::run(&args)),
        Command::Methods(args) => methods::run(&args),
        Command::Quantise(args) => with_threads(args.threads, || quantise::run(&args)),
        Command::Evaluate(args) => with_threads(args.threads, || evaluate::run(&args)),
        Command::Baseline(args) => with_threads(args.threads, || baseline::run(&args)),
        Command::Attack(args) => with_threads(args.threads, || attack::run(&args)),
        Command::Diagnose(args) => {
            let failed = with_threads(args.threads, || diagnose::run(&args))?;
            return Ok(if failed { Outcome::CheckFailed } else { Outcome::Done });
        }
        Command::Audit(args) => {
            let holds = audit::run(&args)?;
            return Ok(if holds { Outcome::Done } else { Outcome::CheckFailed });
        }
        Command::Attacks => {
            attack::list();
            Ok(())
        }
        Command::Export(args) => with_threads(args.threads, || export::run(&args)),
        Command::Import(args) => import::run(&args),
    };
    done.map(|()| Outcome::Done)
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Done,
    /// `diagnose --strict` found a check that fails, or `audit` more violated certificates than alpha allows.
    CheckFailed,
}

/// Runs `work` on a pool of `threads` threads; 0: one for every core.
///
/// The work itself is one of the pool's tasks, so that its serial parts and its parallel loops share
/// a thread instead of waking each other up.
fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    pool.map_err(|e| Error::Settings(format!("--threads {threads}: {e}")))?.install(work)
}

/// Stack of a worker in bytes, that of a main thread.
const STACK: usize = 8 << 20;
