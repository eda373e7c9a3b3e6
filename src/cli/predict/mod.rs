//! `ringfence predict`: classes by vote, without a radius.

mod answer;
mod picture;

use std::io::Write;
use std::path::PathBuf;

use ringfence_runtime::Model;
use ringfence_runtime::certificate::Method;
use serde_json::json;

use self::answer::{Answer, Oracle, Rule, Task};
use super::data_args::{DATA_FLAGS, DataArgs};
use super::model_file::{ModelFile, check_fit};
use super::screen::ScreenArgs;
use super::seed::{SeedPlan, to_hex};
use super::tables::{Plan, Terms};
use super::voting::{ComputeArgs, Workers};
use super::{CliError, to_json};
use crate::data::{Dataset, Split};
use crate::report::{Generator, TSV_TEST_HEADER};

const EXAMPLES: &str = "\
Examples:
  ringfence predict                                  the embedded model on 100 rendered signs
  ringfence predict model.rfm --image sign.png --n 200
  ringfence predict model.rfm --data cifar10:DIR --vote soft --n 32 --json

Without --vote the answer is Cohen's PREDICT: the class that gets most votes, or an abstention (-1) where the votes do
not show, with error probability alpha, that it is the most likely one. A vote always answers.";

/// Name and version of the JSON lines of this verb.
const SCHEMA: &str = "ringfence.predict/1";

/// Predict classes by vote over noisy copies, without a certified radius
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    model: Option<String>,
    /// A PNG or JPEG picture of the model's size instead of a data set
    #[arg(long, value_name = "FILE", conflicts_with_all = DATA_FLAGS)]
    image: Option<PathBuf>,
    /// Samples that vote
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Probability, over the noise drawn, that an answer is not the most likely class
    #[arg(long, value_name = "ALPHA", default_value_t = 0.001, conflicts_with = "vote")]
    alpha: f64,
    /// Answer by plain vote, never abstain
    #[arg(long)]
    vote: Option<Rule>,
    /// Derive all randomness from these hexadecimal digits: a replay or test, not a certificate
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// Generator of the noise
    #[arg(long, value_enum, value_name = "NAME", default_value_t)]
    generator: Generator,
    /// Write JSON instead of text (schema ringfence.predict/1)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    images: DataArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// The images to answer for.
enum Source {
    Picture(PathBuf, Vec<u8>),
    Data(Box<dyn Dataset>, Split),
}

impl Source {
    fn open(args: &Args, model: &Model<'_>) -> Result<Self, CliError> {
        if let Some(path) = &args.image {
            return Ok(Self::Picture(path.clone(), picture::read(path, model)?));
        }
        let data = args.images.open()?;
        check_fit(model, data.as_ref(), args.screen)?;
        Ok(Self::Data(data, args.images.split()))
    }

    /// Spec or path, and split.
    fn name(&self) -> (String, Option<String>) {
        match self {
            Self::Picture(path, _) => (path.display().to_string(), None),
            Self::Data(data, split) => (data.spec(), Some(split.to_string())),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// Anything that keeps it from ending: arguments, files, standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = file.parse()?;
    let source = Source::open(&args, &model)?;
    let task = match args.vote {
        Some(rule) => rule.task(),
        None => {
            let plan = Plan { method: Method::Predict, n0: 0, n: args.n, alpha: args.alpha, target: None };
            Task::Predict(Terms::find_or_make(&model, plan)?)
        }
    };
    let seeds = SeedPlan::from_flag(args.seed.as_deref())?;
    let mut arenas = args.compute.arenas(&model);
    let workers = Workers::new(&model, &mut arenas, args.compute.backend())?;
    let workers = workers.with_generator(args.generator);
    let mut oracle = Oracle { model: &model, workers, task, n: args.n, seeds };
    let answers = answer_all(&args, &source, &mut oracle)?;
    conclude(&args, &file, &source, &oracle, &answers)
}

/// Answers for every image, each printed as soon as it is there.
fn answer_all(
    args: &Args,
    source: &Source,
    oracle: &mut Oracle<'_, '_, '_>,
) -> Result<Vec<Answer>, CliError> {
    let bar = args.screen.bar("images");
    let print = |answer: &Answer| -> Result<(), CliError> {
        let line = if args.json { to_json(answer)? } else { answer.to_tsv() };
        Ok(bar.suspend(|| writeln!(std::io::stdout(), "{line}"))?)
    };
    if !args.json {
        let mark = if oracle.is_test() { TSV_TEST_HEADER } else { "" };
        writeln!(std::io::stdout(), "{}{mark}", answer::TSV_HEADER)?;
    }
    let mut answers = Vec::new();
    match source {
        Source::Picture(_, chw) => {
            let answer = oracle.answer(chw, None)?;
            print(&answer)?;
            answers.push(answer);
        }
        Source::Data(data, _) => {
            let indices = args.images.indices(data.as_ref());
            bar.set_length(indices.len() as u64);
            let mut chw = vec![0; data.shape().bytes()];
            for index in indices {
                let label = data.read(index, &mut chw)?;
                let answer = oracle.answer(&chw, Some((index, label)))?;
                print(&answer)?;
                answers.push(answer);
                bar.inc(1);
            }
        }
    }
    bar.finish_and_clear();
    Ok(answers)
}

fn conclude(
    args: &Args,
    file: &ModelFile,
    source: &Source,
    oracle: &Oracle<'_, '_, '_>,
    answers: &[Answer],
) -> Result<(), CliError> {
    let samples = answers.len() as f64 * if args.vote == Some(Rule::Clean) { 1.0 } else { f64::from(args.n) };
    let seconds: f64 = answers.iter().map(|answer| answer.time_s).sum();
    let us_per_sample = (samples > 0.0).then(|| seconds * 1e6 / samples);
    let labelled = answers.iter().filter_map(|answer| answer.correct);
    let (known, correct) = labelled.fold((0, 0), |(known, sum), one| (known + 1, sum + usize::from(one)));
    let abstain = answers.iter().filter(|answer| answer.predict < 0).count();
    let (data, split) = source.name();
    let (compute, model, batch) = (&args.compute, oracle.model, oracle.workers.batch());
    let mut stdout = std::io::stdout();
    if args.json {
        let summary = json!({
            "images": answers.len(),
            "accuracy": (known > 0).then(|| correct as f64 / known as f64),
            "abstain": abstain,
            "us_per_sample": us_per_sample,
            "arena_bytes": model.arena_bytes(batch),
            "backend": compute.backend().name(),
            "threads": compute.threads(),
            "batch": batch,
            "vote": args.vote,
            "n": args.n,
            "alpha": args.vote.is_none().then_some(args.alpha),
            "sigma": f64::from_bits(model.sigma_bits()),
            "generator": args.generator,
            "seed": oracle.seeds.given_hex(),
            "test": oracle.is_test(),
            "model": file.name(),
            "model_sha256": to_hex(&model.sha256()),
            "data": data,
            "split": split,
        });
        writeln!(stdout, "{}", json!({ "summary": summary, "schema": SCHEMA }))?;
        return Ok(());
    }
    let known = if known == 0 { String::new() } else { format!("{correct} of {known} correct, ") };
    let speed = us_per_sample.map_or(String::new(), |us| {
        format!(", {us:.1} us a sample ({}, threads {})", compute.backend().name(), compute.threads())
    });
    writeln!(stdout, "\n{known}{abstain} abstained{speed}")?;
    if oracle.is_test() {
        writeln!(stdout, "Seeds derive from a given one: this is a replay or test, no statement is made.")?;
    }
    Ok(())
}
