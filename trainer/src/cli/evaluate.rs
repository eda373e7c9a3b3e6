//! `evaluate`.

use super::device;
use crate::data::Images;
use crate::error::Error;
use crate::nets::Path;
use crate::train::checkpoint::{self, State};
use crate::train::{Score, evaluate, smoothed_accuracy, votes};
use burn::tensor::Device;
use ringfence::data;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `evaluate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer evaluate runs/c10
  ringfence-trainer evaluate runs/c10/checkpoints/epoch-00030 --data cifar10:cifar --max 500")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// Data set; the one it was trained on by default
    #[arg(long)]
    data: Option<String>,
    /// Half of the data set: test or train
    #[arg(long, default_value = "test")]
    split: data::Split,
    /// Deviation of the noise; that of the training by default
    #[arg(long)]
    sigma: Option<f32>,
    /// Votes of the smoothed classifier for each image [usual: 10 behind a mask, none without]
    #[arg(long)]
    votes: Option<u32>,
    /// Evaluate only the first images
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

/// What `evaluate` prints.
#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    data: String,
    split: String,
    images: usize,
    epoch: u32,
    sigma: f32,
    clean: Score,
    noisy: Score,
    #[serde(skip_serializing_if = "Option::is_none")]
    smoothed: Option<Smoothed>,
}

/// The smoothed classifier.
#[derive(Debug, Clone, Copy, Serialize)]
struct Smoothed {
    votes: u32,
    accuracy: f64,
}

/// Votes of runs with a mask, those of the authors' evaluation in training.
const VOTES: u32 = 10;

/// Images of a data set, which must be of the network's shape and classes.
///
/// # Errors
/// Naming both sides when they do not fit.
pub fn read(spec: &str, split: data::Split, max: Option<usize>, state: &State) -> Result<Images, Error> {
    let dataset = data::open(spec, split)?;
    let shape = dataset.shape();
    if [shape.channels, shape.height, shape.width] != state.net.input
        || dataset.classes().len() != state.net.classes.len()
    {
        let [c, h, w] = state.net.input;
        return Err(Error::Settings(format!(
            "{spec}: {shape} images of {} classes; the network takes {c}x{h}x{w} of {}",
            dataset.classes().len(),
            state.net.classes.len()
        )));
    }
    let count = max.map_or(dataset.len(), |m| m.min(dataset.len()));
    Ok(Images::read(dataset.as_ref(), 0..count)?)
}

/// Clean and noisy score of a checkpoint's network.
///
/// # Errors
/// Naming the file of the checkpoint at fault.
pub fn scores(
    folder: &std::path::Path,
    state: &State,
    images: &Images,
    sigma: f32,
    seed: u64,
    (device, path): (&Device, Path),
) -> Result<[Score; 2], Error> {
    let net = checkpoint::load_defence(folder, &state.net, device)?;
    let score = |sigma| evaluate(&net, &state.net, images, (sigma, path), seed, device);
    Ok([score(0.0), score(sigma)])
}

/// Runs `evaluate`.
///
/// # Errors
/// Checkpoint, data or device at fault.
pub fn run(args: &Args) -> Result<(), Error> {
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let state = checkpoint::read_state(&folder)?;
    let spec = args.data.clone().unwrap_or_else(|| state.settings.data.clone());
    let images = read(&spec, args.split, args.max, &state)?;
    let sigma = args.sigma.unwrap_or(state.settings.augmentation.sigma);
    let [clean, noisy] = scores(&folder, &state, &images, sigma, args.seed, (&device, path))?;
    let count = args.votes.unwrap_or(if state.net.mask.is_some() { VOTES } else { 0 });
    let smoothed = (count > 0).then(|| {
        let net = checkpoint::load_defence(&folder, &state.net, &device)?;
        let votes = votes(&net, &state.net, &images, (sigma, path, count), args.seed, &device);
        Ok::<_, Error>(Smoothed { votes: count, accuracy: smoothed_accuracy(&votes, images.labels()) })
    });
    let report = Report {
        schema: "ringfence.evaluation/1",
        data: spec,
        split: args.split.to_string(),
        images: images.len(),
        epoch: state.epoch,
        sigma,
        clean,
        noisy,
        smoothed: smoothed.transpose()?,
    };
    println!("{}", serde_json::to_string(&report).map_err(Error::json(&folder))?);
    Ok(())
}
