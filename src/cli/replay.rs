//! `ringfence replay`: computes stored certificates again and compares them bit for bit.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use ringfence_runtime::smooth::Seed;
use serde_json::{Value, json};

use super::CliError;
use super::certify::log::is_summary;
use super::model_file::{ModelFile, check_fit};
use super::request::Request;
use super::screen::ScreenArgs;
use super::seed::parse_seed;
use super::tables::Terms;
use super::voting::{ComputeArgs, Workers};
use crate::data::{self, Split};
use crate::report::{Record, SeedSource};

const EXAMPLES: &str = "\
Examples:
  ringfence certify --json --max 3 > three.jsonl; ringfence replay three.jsonl
  ringfence certify --json --max 3 | ringfence replay -
  ringfence replay run.jsonl --model model.rfm --data cifar10:DIR

A certificate is equal if image, label, votes, class, radius and every number it was computed from are equal.
Exit code 1 if one is not.";

/// Name and version of the JSON lines of this verb.
const SCHEMA: &str = "ringfence.replay/1";

/// Compute stored certificates again and compare them bit for bit
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// JSON lines of `certify --json`; - reads standard input
    record: PathBuf,
    /// Model file; if not given, the embedded model with the stored hash, else the stored path
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Data set, where it lies elsewhere than the stored spec says
    #[arg(long, value_name = "SPEC")]
    data: Option<String>,
    /// Write JSON instead of text (schema ringfence.replay/1)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

/// A stored certificate.
struct Stored {
    seed: Seed,
    record: Record,
}

impl Stored {
    /// Whether model, data and certificate table are the same, so that one set-up serves both.
    fn shares_setup(&self, other: &Self) -> bool {
        let key = |record: &Record| {
            let target = record.sequential.map(|end| end.target_radius.to_bits());
            let votes = (record.method, record.n0, record.n, record.alpha.to_bits(), target);
            let names =
                (record.generator, record.model.clone(), record.model_sha256.clone(), record.data.clone());
            (votes, names, record.split.clone())
        };
        key(&self.record) == key(&other.record)
    }
}

/// Runs the verb.
///
/// # Errors
/// [`CliError::CheckFailed`] if a certificate differs; else whatever keeps the replay from running.
pub fn run(args: Args) -> Result<(), CliError> {
    let stored = read(&args.record)?;
    let bar = args.screen.bar("replay");
    bar.set_length(stored.len() as u64);
    let mut different = 0;
    for group in stored.chunk_by(Stored::shares_setup) {
        different += replay(&args, group, &bar)?;
    }
    bar.finish_and_clear();
    let total = stored.len();
    if args.json {
        let summary =
            json!({ "summary": { "certificates": total, "different": different }, "schema": SCHEMA });
        writeln!(std::io::stdout(), "{summary}")?;
    } else {
        writeln!(std::io::stdout(), "{} of {total} certificates are equal bit for bit", total - different)?;
    }
    if different == 0 {
        Ok(())
    } else {
        Err(CliError::CheckFailed(format!("{different} of {total} certificates differ")))
    }
}

/// Replays certificates that share a set-up; returns how many differ.
fn replay(args: &Args, group: &[Stored], bar: &ProgressBar) -> Result<usize, CliError> {
    let Some(Stored { record: first, .. }) = group.first() else { return Ok(0) };
    let file = find_model(args, first)?;
    let model = file.parse()?;
    let split: Split = first.split.parse()?;
    let data = data::open(args.data.as_ref().unwrap_or(&first.data), split)?;
    check_fit(&model, data.as_ref(), args.screen)?;
    let votes = (first.method, first.n0, first.n, first.alpha);
    let target = first.sequential.map(|end| end.target_radius);
    let request = Request::new(&file, &model, (data.as_ref(), split), votes, target);
    let terms = Terms::find_or_make(&model, request.plan)?;
    let mut arenas = args.compute.arenas(&model);
    let workers = Workers::new(&model, &mut arenas, args.compute.backend())?;
    let mut workers = workers.with_generator(first.generator);
    let mut different = 0;
    for Stored { seed, record, .. } in group {
        let found = request.certify(record.idx, (seed, record.seed_source), &terms, &mut workers)?;
        let fields = record.differences(&found);
        let line = if args.json {
            json!({ "idx": record.idx, "equal": fields.is_empty(), "seed_source": record.seed_source, "different": compare(record, &found, &fields)? })
                .to_string()
        } else {
            describe(record, &found, &fields)?
        };
        bar.suspend(|| writeln!(std::io::stdout(), "{line}"))?;
        different += usize::from(!fields.is_empty());
        bar.inc(1);
    }
    Ok(different)
}

fn find_model(args: &Args, record: &Record) -> Result<ModelFile, CliError> {
    if let Some(name) = &args.model {
        return ModelFile::open(Some(name));
    }
    if let Some(embedded) = ModelFile::embedded(&record.model_sha256) {
        return Ok(embedded);
    }
    if Path::new(&record.model).exists() {
        return ModelFile::open(Some(&record.model));
    }
    Err(CliError::Usage(format!(
        "no embedded model has sha256 {} and there is no file `{}`: name the model with --model",
        record.model_sha256, record.model
    )))
}

/// Stored and found value of each field in `fields`.
fn compare(stored: &Record, found: &Record, fields: &[&str]) -> Result<Value, CliError> {
    let value = |record| serde_json::to_value(record).map_err(|error| CliError::failed("JSON", error));
    let (stored, found) = (value(stored)?, value(found)?);
    Ok(fields
        .iter()
        .map(|&field| (field.to_owned(), json!({ "stored": stored[field], "found": found[field] })))
        .collect::<serde_json::Map<_, _>>()
        .into())
}

fn describe(stored: &Record, found: &Record, fields: &[&str]) -> Result<String, CliError> {
    let mark = match stored.seed_source {
        SeedSource::Os => "",
        SeedSource::Given => " (test with a given seed, not a certificate)",
    };
    if fields.is_empty() {
        let stop = stored.sequential.map_or_else(String::new, |end| {
            format!(", {} after {} samples", end.outcome.word(), end.samples)
        });
        return Ok(format!(
            "idx {}: equal, class {}, radius {:.7}{stop}{mark}",
            stored.idx, stored.predict, stored.radius
        ));
    }
    let values = compare(stored, found, fields)?;
    let parts: Vec<_> = fields
        .iter()
        .map(|field| format!("{field} stored {} found {}", values[field]["stored"], values[field]["found"]))
        .collect();
    Ok(format!("idx {}: DIFFERENT: {}", stored.idx, parts.join("; ")))
}

/// The certificates of a file of JSON lines; summaries and blank lines are passed over.
fn read(path: &Path) -> Result<Vec<Stored>, CliError> {
    let failed = |source| CliError::File { path: path.to_owned(), action: "cannot be read", source };
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
    } else {
        text = std::fs::read_to_string(path).map_err(failed)?;
    }
    let mut stored = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() || is_summary(line) {
            continue;
        }
        let at =
            |reason: String| CliError::Usage(format!("{}: line {}: {reason}", path.display(), number + 1));
        let record = Record::from_json(line).map_err(|error| at(error.to_string()))?;
        let seed = parse_seed(&record.seed)
            .filter(|_| record.seed.len() == 64)
            .ok_or_else(|| at(format!("seed: expected 64 hexadecimal digits, found `{}`", record.seed)))?;
        stored.push(Stored { seed: Seed(seed), record });
    }
    if stored.is_empty() {
        return Err(CliError::Usage(format!(
            "{}: no certificates: expected JSON lines of `certify --json`",
            path.display()
        )));
    }
    Ok(stored)
}
