//! `ringfence merge`: the rows of all parts of a run in one file, as one process would have written it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::CliError;
use super::beside::{check_new, difference, read_settings, write_settings};
use super::certify::log::is_summary;
use super::lines::{Lines, whole_lines, wrong};
use super::profile::ROWS_SCHEMA;
use super::shard::Part;

const EXAMPLES: &str = "\
Examples:
  ringfence certify --shard 1/2 --out part1.tsv      on one machine
  ringfence certify --shard 2/2 --out part2.tsv      on another
  ringfence merge part1.tsv part2.tsv --out whole.tsv
  ringfence certify --out whole.tsv --resume         nothing is left to do but the summary";

/// Join the parts of a run of certify or profile that was cut with --shard
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The files that the parts were written to with --out, each with its FILE.run.json
    #[arg(required = true)]
    parts: Vec<PathBuf>,
    /// File to write; `--out FILE --resume` of the same verb then prints the summary
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Write JSON instead of text (schema ringfence.merge/1)
    #[arg(long)]
    json: bool,
}

/// Set and index: the order of the rows of one process.
type Key = (bool, usize);

/// One part.
struct Found {
    path: PathBuf,
    part: Part,
    /// The settings without those of the part.
    settings: Value,
    header: Option<String>,
    rows: BTreeMap<Key, String>,
}

/// Runs the verb.
///
/// # Errors
/// Files that are no parts, not parts of one run, not finished, or not all parts; each names the file.
pub fn run(args: Args) -> Result<(), CliError> {
    check_new(&args.out, false)?;
    let found = args.parts.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    check(&found)?;
    let Some(first) = found.first() else { return Ok(()) };
    let rows: BTreeMap<&Key, &String> = found.iter().flat_map(|found| &found.rows).collect();
    write_settings(&args.out, &first.settings)?;
    let mut out = Lines::create(&args.out)?;
    for line in first.header.iter().chain(rows.values().copied()) {
        out.write(line)?;
    }
    let (parts, images, out) = (found.len(), rows.len(), args.out.display().to_string());
    let line = if args.json {
        json!({ "schema": "ringfence.merge/1", "images": images, "parts": parts, "out": out }).to_string()
    } else {
        format!("{out}: {images} images of {parts} parts")
    };
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn read(path: &Path) -> Result<Found, CliError> {
    let named = |reason: String| CliError::Usage(format!("{}: {reason}", path.display()));
    let mut settings: Value = read_settings(path)?;
    let part = settings.as_object_mut().and_then(|fields| fields.remove("shard"));
    let part = part.ok_or_else(|| named("not a part: its run was not cut with --shard".to_owned()))?;
    let part: Part = serde_json::from_value(part).map_err(|error| named(format!("shard: {error}")))?;
    let is_json = settings["json"] == Value::Bool(true) || settings["schema"] == ROWS_SCHEMA;
    let mut found = Found { path: path.to_owned(), part, settings, header: None, rows: BTreeMap::new() };
    for (number, line) in whole_lines(path)?.into_iter().enumerate() {
        if is_json && is_summary(&line) {
            break;
        }
        if !is_json && number == 0 {
            found.header = Some(line);
            continue;
        }
        let key = key(&line, is_json).ok_or_else(|| wrong(path, number, "expected a row with an index"))?;
        if found.rows.insert(key, line).is_some() {
            return Err(wrong(path, number, &format!("image {} comes a second time", key.1)));
        }
    }
    complete(&found)?;
    Ok(found)
}

fn key(line: &str, is_json: bool) -> Option<Key> {
    if !is_json {
        return Some((false, line.split('\t').next()?.parse().ok()?));
    }
    let row: Value = serde_json::from_str(line).ok()?;
    Some((row["set"] == "attacked", usize::try_from(row["idx"].as_u64()?).ok()?))
}

/// A part holds the images it must, and no others.
fn complete(found: &Found) -> Result<(), CliError> {
    let named = |reason: String| {
        CliError::Usage(format!("{}: part {}: {reason}", found.path.display(), found.part.shard))
    };
    let [clean, attacked] = found.part.expected();
    let keys = clean.iter().map(|&idx| (false, idx)).chain(attacked.iter().map(|&idx| (true, idx)));
    let expected: Vec<Key> = keys.collect();
    let missing = expected.iter().filter(|key| !found.rows.contains_key(*key)).count();
    if missing > 0 {
        let all = expected.len();
        return Err(named(format!("{missing} of {all} images are missing; --resume finishes it")));
    }
    match found.rows.keys().find(|key| !expected.contains(*key)) {
        Some((_, index)) => Err(named(format!("image {index} does not belong to it"))),
        None => Ok(()),
    }
}

/// All parts of one run, each once.
fn check(found: &[Found]) -> Result<(), CliError> {
    let Some(first) = found.first() else { return Ok(()) };
    let mut seen: BTreeMap<u32, &Path> = BTreeMap::new();
    for other in found {
        let (path, shard) = (other.path.display(), other.part.shard);
        let whole = |part: &Part| (part.shard.count, part.images, part.skip, part.attacked);
        let differs = difference(&first.settings, &other.settings).or_else(|| {
            (whole(&first.part) != whole(&other.part)).then(|| format!("it is part {shard} of other images"))
        });
        if let Some(differs) = differs {
            let message = format!("{path}: not of the run of {}: {differs}", first.path.display());
            return Err(CliError::Usage(message));
        }
        if let Some(twin) = seen.insert(shard.index, &other.path) {
            return Err(CliError::Usage(format!("{path}: part {shard} is also in {}", twin.display())));
        }
    }
    let count = first.part.shard.count;
    let missing: Vec<String> = (1..=count)
        .filter(|index| !seen.contains_key(index))
        .map(|index| format!("{index}/{count}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(CliError::Usage(format!("missing parts: {}", missing.join(", "))))
}
