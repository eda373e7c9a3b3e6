//! `attack` and `attacks`.

use super::{device, evaluate};
use crate::attacks::{ATTACKS, Estimator, Line, NetTarget, Norm, Outcome, Suite, attack};
use crate::error::Error;
use crate::export::write_whole;
use crate::train::checkpoint;
use ringfence::data;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `attack`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer attack runs/madry/best --max 500
  ringfence-trainer attack runs/madry/best --attacks fgsm,pgd-20,apgd-t --epsilon 4/255 --json attack.json
  ringfence-trainer attack runs/pni --draws 64
  ringfence-trainer attack runs/c10 --sigma 0.25 --norm l2 --epsilon 0.5 --attacks pgd-20 --draws 64 --max 100

`ringfence-trainer attacks` lists the attacks. Each attack runs on the images that those before it left; the last line is the
worst case over all.")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// Attacks, in order
    #[arg(long, value_delimiter = ',', default_value = "fgsm,pgd-20,cw-20,apgd-ce,apgd-t")]
    attacks: Vec<String>,
    /// Norm of the perturbation: linf or l2
    #[arg(long, default_value = "linf")]
    norm: String,
    /// Its bound, a number or a fraction
    #[arg(long, default_value = "8/255")]
    epsilon: String,
    /// Attack the smoothed classifier of this deviation of noise; 0: the network itself
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
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
    /// Attack only the first images
    #[arg(long)]
    max: Option<usize>,
    /// Seed of random starts and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write the result, image by image, to this file
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
    norm: Norm,
    epsilon: f64,
    sigma: f32,
    draws: u32,
    votes: u32,
    estimator: Estimator,
    seed: u64,
    #[serde(flatten)]
    outcome: &'a Outcome,
}

pub(super) fn norm(text: &str) -> Result<Norm, Error> {
    [Norm::Linf, Norm::L2]
        .into_iter()
        .find(|n| n.to_string() == text)
        .ok_or_else(|| Error::Settings(format!("--norm {text}: expected linf or l2")))
}

pub(super) fn length(text: &str) -> Result<f64, Error> {
    let value = match text.split_once('/') {
        None => text.parse::<f64>().ok(),
        Some((a, b)) => a.parse::<f64>().ok().zip(b.parse::<f64>().ok()).map(|(a, b)| a / b),
    };
    value
        .filter(|v| v.is_finite() && *v > 0.0)
        .ok_or_else(|| Error::Settings(format!("--epsilon {text}: expected a number or fraction above 0")))
}

/// Runs `attack`.
///
/// # Errors
/// Names, checkpoint, data or device at fault.
pub fn run(args: &Args) -> Result<(), Error> {
    let (norm, epsilon) = (norm(&args.norm)?, length(&args.epsilon)?);
    if !(args.sigma.is_finite() && args.sigma >= 0.0) {
        return Err(Error::Settings(format!("--sigma {}: expected a number of at least 0", args.sigma)));
    }
    let attacks = args
        .attacks
        .iter()
        .map(|name| attack(name, norm).map(|e| e.planned(norm)))
        .collect::<Result<_, _>>()?;
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let state = checkpoint::read_state(&folder)?;
    let spec = args.data.clone().unwrap_or_else(|| state.settings.data.clone());
    let images = evaluate::read(&spec, data::Split::Test, args.max, &state)?;
    let net = checkpoint::load_net(&folder, &state.net, &device)?;
    let target = NetTarget { net: &net, spec: &state.net, path, seed: args.seed, sigma: args.sigma };
    let (draws, votes, estimator, seed) = (args.draws, args.votes, args.estimator, args.seed);
    let suite = Suite { attacks, norm, epsilon, draws, votes, estimator, seed };
    let mut print = |line: &Line| {
        let (accuracy, cost) = (100.0 * line.accuracy, line.cost);
        println!(
            "{:<16} {accuracy:>6.2} % left   {:>6} broken   {:>9} forward {:>9} backward",
            line.attack, line.broken, cost.forward, cost.backward
        );
    };
    println!("{} images, {norm} {epsilon:.5}", images.len());
    let outcome = suite.run(&target, (&images, images.len()), &device, &mut print);
    let left = outcome.lines.last().map_or(outcome.clean, |l| l.accuracy);
    println!("clean {:.2} %, worst case {:.2} %", 100.0 * outcome.clean, 100.0 * left);
    if let Some(file) = &args.json {
        let report = Report {
            schema: "ringfence.attack/1",
            data: &spec,
            norm,
            epsilon,
            sigma: args.sigma,
            draws,
            votes,
            estimator,
            seed,
            outcome: &outcome,
        };
        let text = serde_json::to_string_pretty(&report).map_err(Error::json(file))?;
        write_whole(file, (text + "\n").as_bytes())?;
    }
    Ok(())
}

/// Runs `attacks`: every attack with its paper, norms and access.
pub fn list() {
    for e in ATTACKS {
        let norms: Vec<String> = e.norms.iter().map(Norm::to_string).collect();
        println!("{:<16} {:<10} {:<9} {}", e.name, norms.join(", "), e.access, e.paper);
    }
}
