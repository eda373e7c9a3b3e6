//! `baseline`.

use super::{device, evaluate};
use crate::baselines::{Effort, Generalised, Neighbours, Smoothed, Smoothing, Statement};
use crate::data::Images;
use crate::error::Error;
use crate::methods::Method;
use crate::nets::Mask;
use crate::train::checkpoint::{self, State};
use indicatif::{ProgressBar, ProgressStyle};
use ringfence::data;
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// A smoothing method and its certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Certificate {
    /// Normal noise (Cohen et al. 2019), also behind a static mask
    Cohen,
    /// Generalised normal noise (Hong et al. 2022)
    Unicr,
    /// Normal noise whose deviation grows with the distance from training images (Súkeník et al. 2022)
    InputDependent,
}

/// Arguments of `baseline`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer baseline runs/cohen --certificate cohen --max 200
  ringfence-trainer baseline runs/static --certificate cohen --max 200
  ringfence-trainer baseline runs/unicr --certificate unicr --max 200
  ringfence-trainer baseline runs/cohen --certificate input-dependent --rate 0.005 --max 200")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// Noise and certificate
    #[arg(long, value_enum)]
    certificate: Certificate,
    /// Shape of unicr's noise, at least 1; 2: normal [usual: that of the training, else 2]
    #[arg(long)]
    beta: Option<f64>,
    /// Slope of the deviation's logarithm, for input-dependent
    #[arg(long, default_value_t = 0.01)]
    rate: f64,
    /// Nearest training images whose distance counts, for input-dependent
    #[arg(long, default_value_t = 20)]
    neighbours: usize,
    /// Training images that these are among (the first ones)
    #[arg(long, default_value_t = 5000)]
    points: usize,
    /// Data set; the one it was trained on by default
    #[arg(long)]
    data: Option<String>,
    /// Deviation of the noise (input-dependent: of an average image); that of the training by default
    #[arg(long)]
    sigma: Option<f32>,
    /// Votes that choose the class
    #[arg(long, default_value_t = 100)]
    n0: u32,
    /// Votes that count
    #[arg(long, default_value_t = 1000)]
    n: u32,
    /// Largest probability of a wrong statement
    #[arg(long, default_value_t = 0.001)]
    alpha: f64,
    /// Certify only the first test images
    #[arg(long)]
    max: Option<usize>,
    /// Seed of the noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device: cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// L-infinity radii of the table, in steps of 1/255.
const STEPS: [f64; 7] = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0];

/// Runs `baseline`: certifies test images and prints a line of JSON.
///
/// # Errors
/// Numbers out of range; checkpoint, data or device at fault.
pub fn run(args: &Args) -> Result<(), Error> {
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let state = checkpoint::read_state(&folder)?;
    let defence = checkpoint::load_defence(&folder, &state.net, &device)?;
    let plane = match &defence.mask {
        None => None,
        Some(Mask::Static(mask)) if args.certificate == Certificate::Cohen => Some(mask.plane.val()),
        Some(_) => {
            let reason = "expected a run without mask, or cohen's certificate and a static one";
            let mask = state.net.mask.map_or_else(String::new, |mask| mask.to_string());
            return Err(Error::Settings(format!("{}: --mask {mask}: {reason}", folder.display())));
        }
    };
    let spec = args.data.clone().unwrap_or_else(|| state.settings.data.clone());
    let images = evaluate::read(&spec, data::Split::Test, args.max, &state)?;
    let sigma = f64::from(args.sigma.unwrap_or(state.settings.augmentation.sigma));
    let (smoothing, numbers) = smoothing(args, &state, &spec, sigma)?;
    let smoothed =
        Smoothed { plane: plane.as_ref(), net: &defence.net, spec: &state.net, path, device: &device };
    let effort = Effort { n0: args.n0, n: args.n, alpha: args.alpha, seed: args.seed };
    let bar = ProgressBar::new(images.len() as u64);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed} ETA {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut statements = vec![];
    for index in 0..images.len() as u32 {
        statements.push(smoothed.certify(&smoothing, &images, index, effort)?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let report = json!({
        "schema": "ringfence.baseline/1", "certificate": numbers, "data": spec, "images": images.len(),
        "sigma": sigma, "n0": args.n0, "n": args.n, "alpha": args.alpha, "seed": args.seed,
        "abstained": statements.iter().filter(|s| s.class.is_none()).count(),
        "certified_accuracy": table(&statements, &images),
    });
    println!("{report}");
    Ok(())
}

/// Certified accuracy at L-infinity radii in steps of 1/255.
fn table(statements: &[Statement], images: &Images) -> Map<String, Value> {
    let right = |(s, label): (&Statement, &i32)| (s.class == Some(*label as usize)).then_some(s.radius);
    let radii: Vec<f64> = statements.iter().zip(images.labels()).filter_map(right).collect();
    let share = |step: f64| {
        radii.iter().filter(|r| **r >= step / 255.0).count() as f64 / statements.len().max(1) as f64
    };
    STEPS.iter().map(|step| (format!("{step}/255"), share(*step).into())).collect()
}

/// The noise, with its numbers for the report.
fn smoothing(args: &Args, state: &State, spec: &str, sigma: f64) -> Result<(Smoothing, Value), Error> {
    let least = |option: &str, value: f64, least: f64| {
        let reason = format!("{option} {value}: expected a number of at least {least}");
        if value >= least && value.is_finite() { Ok(value) } else { Err(Error::Settings(reason)) }
    };
    least("--sigma", sigma, f64::MIN_POSITIVE)?;
    Ok(match args.certificate {
        Certificate::Cohen => (Smoothing::Normal { sigma }, json!({ "name": "cohen" })),
        Certificate::Unicr => {
            let trained = match &state.settings.method.method {
                Method::UniCr(method) => method.beta,
                _ => 2.0,
            };
            let beta = least("--beta", args.beta.unwrap_or(trained), 1.0)?;
            let noise = Generalised::of_deviation(sigma, beta);
            (Smoothing::Generalised(noise), json!({ "name": "unicr", "beta": beta }))
        }
        Certificate::InputDependent => {
            let rate = least("--rate", args.rate, 0.0)?;
            let dataset = data::open(spec, data::Split::Train)?;
            let points = Images::read(dataset.as_ref(), 0..args.points.min(dataset.len()))?;
            let values = dataset.shape().bytes();
            let neighbours = Neighbours::new(points.into_bytes(), values, args.neighbours, (sigma, rate));
            let numbers = json!({
                "name": "input-dependent", "rate": rate, "neighbours": args.neighbours, "points": args.points,
            });
            (Smoothing::Varying { neighbours, rate }, numbers)
        }
    })
}
