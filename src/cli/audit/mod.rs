//! `ringfence audit`: attacks on the certificates of a model.

mod ending;
mod log;
mod row;
mod work;

use std::collections::HashSet;
use std::path::PathBuf;

use self::ending::Ending;
use self::log::Log;
use self::row::Settings;
use super::count_args::CountArgs;
use super::data_args::DataArgs;
use super::model_file::{ModelFile, check_fit};
use super::request::Request;
use super::screen::ScreenArgs;
use super::seed::SeedPlan;
use super::tables::Terms;
use super::voting::ComputeArgs;
use super::{CliError, to_json};
use crate::audit::{Effort, Search, search};

const EXAMPLES: &str = "\
Examples:
  ringfence audit                                    the embedded model, 100 rendered signs
  ringfence audit model.rfm --data cifar10:DIR --max 2000 --n 200 --out audit.jsonl --json
  ringfence audit model.rfm --data cifar10:DIR --max 2000 --n 200 --out audit.jsonl --json --resume
  ringfence audit --inflate-radius 3                 does the audit see false certificates?

Every query draws noise of its own, so no image can be fitted to a seed. A candidate counts as a violation when an exact
test of fresh votes names another class than the certificate. Exit code 1: more violations than alpha allows.";

/// Attack certificates: look inside each certified ball for an image of another class
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    pub model: Option<String>,
    #[command(flatten)]
    count: CountArgs,
    /// Queries of the attacker on each certificate
    #[arg(long, value_name = "Q", default_value_t = 150, value_parser = clap::value_parser!(u32).range(1..))]
    queries: u32,
    /// Votes of one query
    #[arg(long, value_name = "V", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    votes: u32,
    /// Multiply every radius by F before the attack: plants false certificates, which the audit must find
    #[arg(long, value_name = "F", default_value_t = 1.0, value_parser = parse_factor)]
    inflate_radius: f64,
    /// Derive all randomness from these hexadecimal digits: a replay or test, not a certificate
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// Write rows to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Continue the run in --out
    #[arg(long, requires = "out")]
    resume: bool,
    /// Write JSON instead of text (schema ringfence.audit/1)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    images: DataArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

fn parse_factor(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(factor) if (1.0..=100.0).contains(&factor) => Ok(factor),
        _ => Err("expected a factor from 1 to 100".to_owned()),
    }
}

/// Runs the verb.
///
/// # Errors
/// [`CliError::CheckFailed`] for more violations than alpha allows; anything that keeps the run from ending.
pub fn run(args: Args) -> Result<(), CliError> {
    run_with(&args, &search::all())
}

/// Runs the verb with other searches: those of programs that know the network's gradients.
///
/// # Errors
/// Those of [`run`].
pub fn run_with(args: &Args, searches: &[&dyn Search]) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = file.parse_plain("audit")?;
    let data = args.images.open()?;
    check_fit(&model, data.as_ref(), args.screen)?;
    let source = (data.as_ref(), args.images.split());
    let request = Request::new(&file, &model, source, args.count.votes(), None);
    let terms = Terms::find_or_make(&model, request.plan)?;
    let seeds = SeedPlan::from_flag(args.seed.as_deref())?;
    let effort = Effort { queries: args.queries, votes: args.votes };
    let settings = Settings::new(&request, (searches, effort), args.inflate_radius, seeds.given_hex());
    let (mut log, mut rows) = Log::open(args.out.as_deref(), args.resume, args.json, &settings)?;
    let done: HashSet<usize> = rows.iter().map(|row| row.idx).collect();
    let pending: Vec<usize> =
        args.images.indices(data.as_ref()).into_iter().filter(|index| !done.contains(index)).collect();
    let bar = args.screen.bar("audit");
    bar.set_length(pending.len() as u64);
    let job = work::Job {
        model: &model,
        request: &request,
        terms: &terms,
        searches,
        effort,
        seeds,
        inflate: args.inflate_radius,
    };
    work::all(&job, &args.compute, &pending, |row| {
        log.row(&row, &bar)?;
        bar.inc(1);
        rows.push(row);
        Ok(())
    })?;
    bar.finish_and_clear();
    Ending { args, settings: &settings, request: &request, rows: &rows }.conclude(&mut log)
}
