//! `ringfence profile`: what each number of samples buys.

mod board;
mod draw;
mod ending;
mod job;
mod layers;
mod log;

use std::path::PathBuf;
use std::time::Duration;

use ringfence_runtime::Model;

pub(super) use self::log::ROWS_SCHEMA;

use self::ending::Ending;
use self::job::{Images, Job, Way};
use self::log::{Log, Settings};
use super::CliError;
use super::bench::backends;
use super::data_args::DataArgs;
use super::model_file::{ModelFile, check_fit};
use super::screen::ScreenArgs;
use super::seed::{SeedPlan, to_hex};
use super::shard::{Part, Shard};
use crate::certificate::Smoothing;
use crate::data::{self, Dataset};
use crate::profile::{Anytime, Grid, Levels, Rule, Set};
use crate::report::{Generator, Norm};

const EXAMPLES: &str = "\
Examples:
  ringfence profile                                       the embedded model on 100 rendered signs
  ringfence profile --html page.html                      and a page with plots; nothing in it is loaded from elsewhere
  ringfence profile model.rfm --data cifar10:DIR --max 500 --target-radius 0.25 --budget-ms 20
  ringfence profile model.rfm --data cifar10:DIR --attacked pgd.bin --out run.jsonl --html page.html
  ringfence profile --backends all --threads 1,2 --csv times.csv
  ringfence report --device cortex-m4 --mhz 168 --json > board.json; ringfence profile --device board.json

Each image's samples are drawn once: the first N of them are the samples of N, so all N cost one run at the largest.";

/// Show what each number of samples buys: accuracy, certified radius, time
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    model: Option<String>,
    /// Numbers of samples
    #[arg(
        long,
        value_name = "N,..",
        value_delimiter = ',',
        default_value = "1,2,4,8,16,32,64,128,256,512,1024"
    )]
    n: Vec<u32>,
    /// How samples elect a class
    #[arg(
        long,
        value_enum,
        value_name = "VOTE,..",
        value_delimiter = ',',
        default_value = "prediction,weighted,soft"
    )]
    votes: Vec<Rule>,
    /// Images that an attack made from those of the data set: records of one label byte and the image, channel by channel;
    /// the first M of them with --max
    #[arg(long, value_name = "FILE")]
    attacked: Option<PathBuf>,
    /// Probability, over the noise drawn, that a certificate is wrong
    #[arg(long, value_name = "ALPHA", default_value_t = 0.001)]
    alpha: f64,
    /// Radii of certified accuracy, in pixels of [0, 1]
    ///
    /// If not given: 0,0.25,0.5,0.75,1; with adaptive smoothing 0,0.25,0.5,1,2,4 steps of 1/255. The target radius is one of them.
    #[arg(long, value_name = "R,..", value_delimiter = ',')]
    radii: Vec<f64>,
    /// Certify this radius, in pixels of [0, 1], with as few samples as it takes
    ///
    /// In addition to certificates of each N; an N is then recommended for this radius.
    #[arg(long, value_name = "R")]
    target_radius: Option<f64>,
    /// Recommend an N that takes no more milliseconds an image
    #[arg(long, value_name = "T")]
    budget_ms: Option<f64>,
    /// Numbers of threads
    ///
    /// All logical processors if not given. The first draws the votes, the others are only timed.
    #[arg(long, value_name = "T,..", value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Instruction sets, or `all` that this processor has; the fastest if not given
    ///
    /// The first draws the votes, the others are only timed.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    backends: Vec<String>,
    /// Samples computed side by side in one thread's arena; 16 with AMX, else 8, if not given
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u16).range(1..=16))]
    batch: Option<u16>,
    /// Seconds to time each instruction set and number of threads
    ///
    /// The first is timed while the votes are drawn.
    #[arg(long, value_name = "T", default_value_t = 2.0)]
    seconds: f64,
    /// Predict the times of a board: a JSON file with `device` and `seconds` of a sample, as `report --json` prints it
    #[arg(long, value_name = "FILE")]
    device: Option<PathBuf>,
    /// Derive all randomness from these hexadecimal digits: a replay or test, not a certificate
    #[arg(long, value_name = "HEX")]
    seed: Option<String>,
    /// Generator of the noise
    #[arg(long, value_enum, value_name = "NAME", default_value_t)]
    generator: Generator,
    /// Keep a row for each image in this file
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Continue the run in --out
    #[arg(long, requires = "out")]
    resume: bool,
    /// Write no wall times: the output then depends on model, data and seed alone
    #[arg(long, conflicts_with = "budget_ms")]
    untimed: bool,
    /// Take the I-th of N parts of the images, I from 1 on; `ringfence merge` joins them
    #[arg(long, value_name = "I/N", requires = "out")]
    shard: Option<Shard>,
    /// Write JSON instead of text (schema ringfence.profile/1)
    #[arg(long)]
    json: bool,
    /// Write a table of comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Write a page with plots
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    screen: ScreenArgs,
    #[command(flatten)]
    images: DataArgs,
}

impl Args {
    /// Ways to compute; the first draws the votes.
    fn ways(&self) -> Result<Vec<Way>, CliError> {
        let all = std::thread::available_parallelism().map_or(1, usize::from);
        let threads: Vec<usize> = self.threads.iter().copied().map(usize::from).collect();
        let threads = if threads.is_empty() { vec![all] } else { threads };
        let backends = backends(&self.backends)?;
        let ways = backends
            .iter()
            .flat_map(|&backend| threads.iter().map(move |&threads| Way::new(backend, threads, self.batch)));
        Ok(ways.collect())
    }

    /// Radii of certified accuracy: the target is one of them.
    fn radii(&self, norm: Norm) -> Vec<f64> {
        let mut radii = if self.radii.is_empty() { norm.usual_radii() } else { self.radii.clone() };
        radii.extend(self.target_radius);
        radii.sort_by(f64::total_cmp);
        radii.dedup();
        radii
    }

    fn rules(&self) -> Vec<Rule> {
        let mut votes = self.votes.clone();
        votes.sort_unstable();
        votes.dedup();
        votes
    }

    /// What counts certify for each N, and the checkpoints of one radius if it is asked for.
    fn certificates(&self, model: &Model<'_>, grid: &Grid) -> Result<(Levels, Option<Anytime>), CliError> {
        let smoothing = Smoothing::of(model);
        let levels = Levels::new(grid, self.alpha, smoothing)
            .map_err(|error| CliError::failed("certificates", error))?;
        let anytime = self
            .target_radius
            .map(|radius| Anytime::new(radius, grid.largest(), self.alpha, smoothing))
            .transpose()
            .map_err(|error| CliError::failed("--target-radius", error))?;
        Ok((levels, anytime))
    }

    fn settings(&self, model: &Model<'_>, job: &Job<'_>, all: &[Vec<usize>; 2]) -> Settings {
        let [clean, attacked] = all;
        Settings {
            schema: ROWS_SCHEMA.to_owned(),
            model_sha256: to_hex(&model.sha256()),
            data: job.images.first().map_or(String::new(), |images| images.data.spec()),
            split: self.images.split().to_string(),
            attacked: self.attacked.as_ref().map(|path| path.display().to_string()),
            n: job.grid.ns().to_vec(),
            votes: job.rules.to_vec(),
            alpha: self.alpha,
            target_radius: self.target_radius,
            seed: job.seeds.given_hex(),
            generator: self.generator,
            untimed: self.untimed,
            shard: self.shard.map(|shard| Part::new(shard, clean, attacked)),
        }
    }
}

/// Runs the verb.
///
/// # Errors
/// Anything that keeps the run from ending: arguments, files, standard output; a way to compute that counts other votes.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = file.parse()?;
    let data = args.images.open()?;
    check_fit(&model, data.as_ref(), args.screen)?;
    let attacked = args.attacked.as_ref().map(|path| data::records_like(path, data.as_ref())).transpose()?;
    let grid = Grid::new(args.n.clone()).map_err(|error| CliError::failed("--n", error))?;
    let (mut levels, anytime) = args.certificates(&model, &grid)?;
    let (ways, rules) = (args.ways()?, args.rules());
    let limit = Duration::try_from_secs_f64(args.seconds)
        .map_err(|error| CliError::Usage(format!("--seconds: {error}")))?;
    let board = args.device.as_deref().map(board::read).transpose()?;
    let all = indices(&args, data.as_ref(), attacked.as_deref());
    let images = sets(args.shard, data.as_ref(), attacked.as_deref(), &all);
    let job = Job {
        model: &model,
        grid: &grid,
        rules: &rules,
        anytime: anytime.as_ref(),
        seeds: SeedPlan::from_flag(args.seed.as_deref())?,
        generator: args.generator,
        untimed: args.untimed,
        images: &images,
    };
    let mut log = Log::open(args.out.as_deref(), args.resume, &args.settings(&model, &job, &all))?;
    let Some((&first, others)) = ways.split_first() else { return Ok(()) };
    let bar = args.screen.bar("profile");
    job.run(first, &mut log, &bar)?;
    bar.finish_and_clear();
    let ending =
        Ending { args: &args, name: file.name(), job: &job, rows: &log.rows, first, others, limit, board };
    ending.conclude(&mut levels)
}

/// Indices of all images, and of all attacked ones.
fn indices(args: &Args, data: &dyn Dataset, attacked: Option<&dyn Dataset>) -> [Vec<usize>; 2] {
    let most = args.images.max().unwrap_or(usize::MAX);
    let attacked = attacked.map_or(0, Dataset::len).min(most);
    [args.images.indices(data), (0..attacked).collect()]
}

/// The images of this process.
fn sets<'d>(
    shard: Option<Shard>,
    data: &'d dyn Dataset,
    attacked: Option<&'d dyn Dataset>,
    all: &[Vec<usize>; 2],
) -> Vec<Images<'d>> {
    let sets = [(Set::Clean, Some(data)), (Set::Attacked, attacked)].into_iter().zip(all);
    let mine = |all: &[usize]| shard.map_or_else(|| all.to_vec(), |shard| shard.take(all));
    sets.filter_map(|((set, data), all)| Some(Images { set, data: data?, indices: mine(all) })).collect()
}
