//! `diagnose`.

use super::attack::{length, norm};
use super::{device, evaluate};
use crate::attacks::{Estimator, NetTarget, Norm, clopper_pearson_95, plain_batch};
use crate::data::Images;
use crate::diagnose::{self, Bench, Effort, Finding, Plan, Subject, Verdict};
use crate::error::Error;
use crate::export::write_whole;
use crate::methods::Batch;
use crate::nets::Network;
use crate::train::Metrics;
use crate::train::checkpoint::{self, State};
use burn::module::Module;
use burn::tensor::Device;
use ringfence::data;
use ringfence_runtime::Model;
use serde::Serialize;
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// Images asked at a time.
const BATCH: usize = 100;

/// Arguments of `diagnose`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer diagnose runs/madry/best --max 200
  ringfence-trainer diagnose runs/madry/best --source runs/natural/best --effort full --json findings.json
  ringfence-trainer diagnose runs/pni/best --draws 16 --max 100
  ringfence-trainer diagnose runs/c10 --rfm c10.rfm --strict

A line for each check: D01 one step beats many, D02 attacks without gradients beat those with, D03 something stands without a
bound, D04 random points break what gradients do not, D05 a larger ball does not help, D06 gradients vanish or lie, D07 more steps
still help, D08 other losses break more, D09 too few draws, D10 inputs that attacks do not expect, D11 robustness that is only
noise, D13 transfer as strong as the white box, D14 leaking labels, D15 robust accuracy that collapsed in training, D16 what
checkpoints were chosen on, D17 the integer network beside its float twin. D12 concerns the evaluator itself: it is in the tests.")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// Norm of the perturbation: linf or l2
    #[arg(long, default_value = "linf")]
    norm: String,
    /// Its bound, a number or a fraction
    #[arg(long, default_value = "8/255")]
    epsilon: String,
    /// How many steps, draws and queries
    #[arg(long, value_enum, default_value_t = Effort::Quick)]
    effort: Effort,
    /// Other checkpoints to craft on, for transfer
    #[arg(long, value_name = "CHECKPOINT")]
    source: Vec<PathBuf>,
    /// The compiled integer network of this checkpoint
    #[arg(long, value_name = "FILE")]
    rfm: Option<PathBuf>,
    /// Diagnose the smoothed classifier of this deviation of noise; 0: the network itself
    #[arg(long, default_value_t = 0.0)]
    sigma: f32,
    /// Draws of a randomised classifier in each gradient
    #[arg(long, default_value_t = 20)]
    draws: u32,
    /// Draws whose votes make each of its decisions
    #[arg(long, default_value_t = 100)]
    votes: u32,
    /// Its gradient: of the mean loss, of the loss of the mean probability, or of the mean logits
    #[arg(long, value_enum, default_value_t = Estimator::Probability)]
    estimator: Estimator,
    /// Data set; the one it was trained on by default
    #[arg(long)]
    data: Option<String>,
    /// Use only the first images
    #[arg(long, default_value_t = 100)]
    max: usize,
    /// Seed of random starts and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Exit with code 1 if a check fails
    #[arg(long)]
    strict: bool,
    /// Also write all findings to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device: cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// The file of `--json`.
#[derive(Debug, Serialize)]
struct Report<'a> {
    schema: &'static str,
    data: &'a str,
    images: usize,
    norm: Norm,
    epsilon: f64,
    sigma: f32,
    draws: u32,
    votes: u32,
    estimator: Estimator,
    seed: u64,
    findings: &'a [Finding],
}

/// Runs `diagnose`; whether a check failed and that was to be told.
///
/// # Errors
/// Checkpoint, data, model file or device at fault.
pub fn run(args: &Args) -> Result<bool, Error> {
    let (norm, epsilon) = (norm(&args.norm)?, length(&args.epsilon)?);
    let (device, path) = device::open(&args.device)?;
    let (folder, state, net) = open(&args.checkpoint, &device)?;
    let spec = args.data.clone().unwrap_or_else(|| state.settings.data.clone());
    let images = evaluate::read(&spec, data::Split::Test, Some(args.max), &state)?;
    let batches = batches(&images, &state, args.seed, &device);
    let target =
        |net, state| NetTarget { net, spec: state, path, seed: args.seed, sigma: args.sigma, deployed: None };
    let sources = args.source.iter().map(|s| open(s, &device)).collect::<Result<Vec<_>, _>>()?;
    let sources: Vec<_> = sources.iter().map(|(_, state, net)| target(net, &state.net)).collect();
    let subject = target(&net, &state.net);
    let bench = |subject| Bench {
        subject,
        batches: &batches,
        norm,
        draws: args.draws,
        votes: args.votes,
        estimator: args.estimator,
        before: OnceCell::new(),
    };
    let sources: Vec<Bench> = sources.iter().map(|s| bench(s as &dyn Subject)).collect();
    let bench = bench(&subject);
    let plan = Plan::new(args.effort, epsilon);
    println!("{} images, {norm} {epsilon:.5}", images.len());
    let mut findings = diagnose::run(&bench, &plan, &sources, &mut |f| println!("{f}"));
    let mut more = records(&args.checkpoint, &folder, &state)?;
    if let Some(file) = &args.rfm {
        let bytes = std::fs::read(file).map_err(Error::file(file))?;
        let model = Model::parse(&bytes).map_err(|e| Error::Integer(format!("{}: {e}", file.display())))?;
        more.push(diagnose::twin(&bench, &plan, &model)?);
    }
    more.iter().for_each(|f| println!("{f}"));
    findings.extend(more);
    println!("{}", summary(&findings, images.len()));
    if let Some(file) = &args.json {
        let report = Report {
            schema: "ringfence.diagnosis/1",
            data: &spec,
            images: images.len(),
            norm,
            epsilon,
            sigma: args.sigma,
            draws: args.draws,
            votes: args.votes,
            estimator: args.estimator,
            seed: args.seed,
            findings: &findings,
        };
        let text = serde_json::to_string_pretty(&report).map_err(Error::json(file))?;
        write_whole(file, (text + "\n").as_bytes())?;
    }
    Ok(args.strict && findings.iter().any(|f| f.verdict == Verdict::Fail))
}

/// A checkpoint's network, its statistics fixed.
fn open(path: &Path, device: &Device) -> Result<(PathBuf, State, Network), Error> {
    let folder = checkpoint::resolve(path)?;
    let state = checkpoint::read_state(&folder)?;
    let net = checkpoint::load_net(&folder, &state.net, device)?.valid();
    Ok((folder, state, net))
}

fn batches(images: &Images, state: &State, seed: u64, device: &Device) -> Vec<(Batch, Vec<i32>)> {
    let ids: Vec<u32> = (0..images.len() as u32).collect();
    ids.chunks(BATCH).map(|ids| plain_batch(images, ids, seed, (&state.net, device))).collect()
}

/// What the run's folder tells.
fn records(asked: &Path, folder: &Path, state: &State) -> Result<Vec<Finding>, Error> {
    let of_run =
        [asked, folder].into_iter().flat_map(Path::ancestors).find(|p| p.join("metrics.jsonl").is_file());
    let metrics = of_run.map_or(Ok(vec![]), Metrics::read)?;
    Ok(vec![diagnose::overfitting(&metrics), diagnose::selection(&state.settings)])
}

/// How many checks came out how, and the accuracy to quote.
fn summary(findings: &[Finding], images: usize) -> String {
    let count = |verdict| findings.iter().filter(|f| f.verdict == verdict).count();
    let accuracies = findings.iter().flat_map(|f| &f.evidence).filter(|(name, _)| {
        ["accuracy under the union", "accuracy under gradients"].contains(&name.as_str())
    });
    let least = accuracies.map(|(_, v)| *v).fold(1.0, f64::min);
    let [low, high] = clopper_pearson_95((least * images as f64).round() as usize, images);
    format!(
        "{} fail, {} warn, {} pass; accuracy to quote {:.1} % (95 %: {:.1} to {:.1} %), the worst case over all attacks",
        count(Verdict::Fail),
        count(Verdict::Warn),
        count(Verdict::Pass),
        100.0 * least,
        100.0 * low,
        100.0 * high
    )
}
