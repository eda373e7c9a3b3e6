//! `ringfence plot`: certified accuracy by radius of several runs in one picture and one table.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::beside::read_settings;
use super::certify::log::{Settings, read_rows};
use super::lines::failed;
use super::{CliError, to_json};
use crate::report::{Curve, Norm, Row, Summary, certified_accuracy_svg};

const EXAMPLES: &str = "\
Examples:
  ringfence certify cifar10-resnet20-s025 --data cifar10:DIR --out s025.tsv
  ringfence certify cifar10-resnet20-s050 --data cifar10:DIR --out s050.tsv
  ringfence plot 'sigma 0.25=s025.tsv' 'sigma 0.5=s050.tsv' --out curves.svg";

/// Draw certified accuracy by radius of several runs of certify into one picture, and print it as a table
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Files that runs were written to with `certify --out`, each with its FILE.run.json; the name of the curve is that of
    /// the file if not given
    #[arg(required = true, value_name = "[NAME=]FILE")]
    runs: Vec<Named>,
    /// SVG file to write
    #[arg(short, long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
    /// Title of the picture
    #[arg(long, default_value = "Certified accuracy")]
    title: String,
    /// Radii of certified accuracy, in pixels of [0, 1]
    ///
    /// If not given: 0,0.25,0.5,0.75,1; with adaptive smoothing 0,0.25,0.5,1,2,4 steps of 1/255.
    #[arg(long, value_name = "R,..", value_delimiter = ',')]
    radii: Vec<f64>,
    /// Write JSON instead of text (schema ringfence.plot/1)
    #[arg(long)]
    json: bool,
}

/// A file and the name of its curve.
#[derive(Clone, Debug)]
struct Named {
    name: String,
    path: PathBuf,
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, path) = match text.split_once('=') {
            Some((name, path)) if !name.is_empty() => (name.to_owned(), PathBuf::from(path)),
            _ => {
                let stem = Path::new(text).file_stem().ok_or("expected a file")?;
                (stem.to_string_lossy().into_owned(), PathBuf::from(text))
            }
        };
        Ok(Self { name, path })
    }
}

/// A run that was read.
struct Run {
    name: String,
    settings: Settings,
    rows: Vec<Row>,
}

/// Runs the verb.
///
/// # Errors
/// Files that are no runs of `certify`, or whose radii are of several norms; each names the file.
pub fn run(args: Args) -> Result<(), CliError> {
    let runs = args.runs.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    let norm = one_norm(&runs)?;
    let radii = if args.radii.is_empty() { norm.usual_radii() } else { args.radii };
    let text =
        if args.json { to_json(&json(&runs, &radii, norm))? + "\n" } else { table(&runs, &radii, norm) };
    std::io::stdout().write_all(text.as_bytes())?;
    let Some(path) = args.out else { return Ok(()) };
    let curves: Vec<Curve<'_>> =
        runs.iter().map(|run| Curve { name: &run.name, rows: &run.rows, limit: None }).collect();
    let mark = if runs.iter().any(|run| run.settings.seed.is_some()) {
        "Replays or tests with given seeds. "
    } else {
        ""
    };
    let svg = certified_accuracy_svg(&format!("{mark}{}", args.title), &curves, norm);
    std::fs::write(&path, svg).map_err(failed(&path, "cannot be written"))
}

fn read(named: &Named) -> Result<Run, CliError> {
    let settings: Settings = read_settings(&named.path)?;
    let (rows, _) = read_rows(&named.path, &settings)?;
    if rows.is_empty() {
        return Err(CliError::Usage(format!("{}: no image is certified yet", named.path.display())));
    }
    Ok(Run { name: named.name.clone(), settings, rows })
}

fn one_norm(runs: &[Run]) -> Result<Norm, CliError> {
    let norm = runs.first().map_or(Norm::L2, |run| run.settings.norm);
    match runs.iter().find(|run| run.settings.norm != norm) {
        None => Ok(norm),
        Some(other) => Err(CliError::Usage(format!(
            "{}: radii are {}, those of the first run {}",
            other.name,
            other.settings.norm.shown_in().0,
            norm.shown_in().0
        ))),
    }
}

fn json(runs: &[Run], radii: &[f64], norm: Norm) -> Value {
    let run = |run: &Run| {
        let summary = Summary::of(&run.rows, radii, norm);
        let shares: Map<_, _> =
            summary.scores.iter().map(|score| (score.key(), json!(score.share))).collect();
        json!({
            "name": run.name,
            "model_sha256": run.settings.model_sha256,
            "images": summary.images,
            "certified_accuracy": shares,
            "average_certified_radius": summary.average_radius,
        })
    };
    json!({ "schema": "ringfence.plot/1", "norm": norm, "runs": runs.iter().map(run).collect::<Vec<_>>() })
}

fn table(runs: &[Run], radii: &[f64], norm: Norm) -> String {
    let (unit, times) = norm.shown_in();
    let wide = runs.iter().map(|run| run.name.chars().count()).max().unwrap_or(0);
    let mut text = format!("certified accuracy, %, by {unit}\n{:wide$}", "");
    for radius in radii {
        text += &format!(" {:>7}", norm.shown(*radius));
    }
    text += " average R  images\n";
    for run in runs {
        let summary = Summary::of(&run.rows, radii, norm);
        text += &format!("{:wide$}", run.name);
        for score in &summary.scores {
            text += &format!(" {:>7.1}", 100.0 * score.share);
        }
        text += &format!(" {:>9.4} {:>7}\n", summary.average_radius * times, summary.images);
    }
    text
}
