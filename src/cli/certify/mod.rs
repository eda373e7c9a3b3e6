//! `ringfence certify`: certified predictions for the images of a data set.

pub(super) mod log;
mod summary;

use std::collections::HashSet;
use std::path::PathBuf;

use self::log::{Log, Settings};
use self::summary::Ending;
use super::count_args::{CountArgs, FIXED_COUNT};
use super::data_args::DataArgs;
use super::model_file::{ModelFile, check_fit};
use super::request::Request;
use super::screen::ScreenArgs;
use super::seed::SeedPlan;
use super::shard::{Part, Shard};
use super::tables::Terms;
use super::voting::{ComputeArgs, Workers};
use super::{CliError, to_json};
use crate::report::{Generator, Method, Norm, Row, TSV_TEST};

const EXAMPLES: &str = "\
Examples:
  ringfence certify                                  the embedded model on 100 rendered signs
  ringfence certify --max 1000 --plot signs.svg      more of them, and a picture
  ringfence certify model.rfm --data cifar10:DIR --skip 20 --out run.tsv
  ringfence certify model.rfm --data cifar10:DIR --skip 20 --out run.tsv --resume
  ringfence certify model.rfm --data cifar10:DIR --shard 2/8 --out part2.tsv     one of eight machines; then `merge`
  ringfence certify --target-radius 0.25 --budget 10000   one radius, as few samples as it takes
  ringfence certify --json --max 3 > three.jsonl; ringfence replay three.jsonl";

/// Certify the images of a data set: the class that no perturbation within the printed radius can change (L2; L-infinity
/// where smoothing is adaptive)
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    model: Option<String>,
    #[command(flatten)]
    count: CountArgs,
    /// Certify this radius, in pixels of [0, 1], with as few samples as it takes
    ///
    /// Samples are drawn until it is certain that the radius is certified or out of reach, or the budget is used up.
    #[arg(long, value_name = "R", requires = "budget", conflicts_with_all = FIXED_COUNT)]
    target_radius: Option<f64>,
    /// Most samples an image, with --target-radius
    #[arg(long, value_name = "N", requires = "target_radius", value_parser = clap::value_parser!(u32).range(1..))]
    budget: Option<u32>,
    /// Derive all randomness from these hexadecimal digits: a replay or test, not a certificate
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// Generator of the noise
    #[arg(long, value_enum, value_name = "NAME", default_value_t)]
    generator: Generator,
    /// Write rows to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Continue the run in --out
    #[arg(long, requires = "out")]
    resume: bool,
    /// Write JSON instead of text (schema ringfence.certify/1)
    #[arg(long)]
    json: bool,
    /// Radii of certified accuracy, in pixels of [0, 1]
    ///
    /// If not given: the target radius; else 0,0.25,0.5,0.75,1; with adaptive smoothing 0,0.25,0.5,1,2,4 steps of 1/255.
    #[arg(long, value_name = "R,..", value_delimiter = ',')]
    radii: Vec<f64>,
    /// Draw certified accuracy over radius into this SVG file
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Write no wall times: the output then depends on model, data and seed alone
    #[arg(long)]
    untimed: bool,
    /// Take the I-th of N parts of the images, I from 1 on; `ringfence merge` joins them
    #[arg(long, value_name = "I/N", requires = "out")]
    shard: Option<Shard>,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    images: DataArgs,
    #[command(flatten)]
    compute: ComputeArgs,
}

impl Args {
    /// Method, n0, n and alpha.
    fn votes(&self) -> (Method, u32, u32, f64) {
        match self.budget {
            Some(budget) => (Method::Sequential, 0, budget, self.count.alpha),
            None => self.count.votes(),
        }
    }

    /// Radii of the summary.
    fn radii(&self, norm: Norm) -> Vec<f64> {
        match self.target_radius {
            _ if !self.radii.is_empty() => self.radii.clone(),
            Some(target) => vec![target],
            None => norm.usual_radii(),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// Anything that keeps the run from ending: arguments, files, standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = file.parse()?;
    let data = args.images.open()?;
    check_fit(&model, data.as_ref(), args.screen)?;
    let source = (data.as_ref(), args.images.split());
    let request = Request::new(&file, &model, source, args.votes(), args.target_radius);
    let terms = Terms::find_or_make(&model, request.plan)?;
    let seeds = SeedPlan::from_flag(args.seed.as_deref())?;
    let mut arenas = args.compute.arenas(&model);
    let workers = Workers::new(&model, &mut arenas, args.compute.backend())?;
    let mut workers = workers.with_generator(args.generator);

    let bar = args.screen.bar("certify");
    let all = args.images.indices(data.as_ref());
    let settings = settings(&args, &request, seeds, &all);
    let (mut log, mut rows) = Log::open(args.out.as_deref(), args.resume, &settings, &bar)?;
    let indices = args.shard.map_or(all.clone(), |shard| shard.take(&all));
    let done: HashSet<usize> = rows.iter().map(|row| row.idx).collect();
    bar.set_length(indices.len() as u64);
    bar.set_position(indices.iter().filter(|index| done.contains(index)).count() as u64);
    bar.reset_eta();
    for &index in indices.iter().filter(|index| !done.contains(index)) {
        let seed = seeds.seed(index)?;
        let mut record = request.certify(index, (&seed, seeds.source()), &terms, &mut workers)?;
        if args.untimed {
            record.time_s = 0.0;
        }
        let row = record.row();
        log.write(&if args.json { to_json(&record)? } else { row.to_tsv() + settings.mark(TSV_TEST) }, &bar)?;
        rows.push(row);
        bar.set_message(certified_so_far(&rows));
        bar.inc(1);
    }
    bar.finish_and_clear();
    let batch = workers.batch();
    let ending =
        Ending { args: &args, request: &request, model: &model, terms: &terms, seeds, batch, rows: &rows };
    ending.conclude(&mut log)
}

fn settings(args: &Args, request: &Request<'_>, seeds: SeedPlan, images: &[usize]) -> Settings {
    Settings {
        json: args.json,
        model_sha256: request.model_sha256.clone(),
        data: request.data.spec(),
        split: args.images.split().to_string(),
        method: request.method,
        n0: request.plan.n0,
        n: request.plan.n,
        alpha: request.plan.alpha,
        target_radius: request.plan.target,
        norm: request.norm,
        seed: seeds.given_hex(),
        generator: args.generator,
        untimed: args.untimed,
        shard: args.shard.map(|shard| Part::new(shard, images, &[])),
    }
}

fn certified_so_far(rows: &[Row]) -> String {
    format!("{} of {} right and certified", rows.iter().filter(|row| row.correct()).count(), rows.len())
}
