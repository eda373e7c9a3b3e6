//! `quantise`.

use super::device;
use crate::data::Images;
use crate::error::Error;
use crate::quantise::{Start, fine_tune, fold, measure};
use crate::train::checkpoint::{self, State};
use crate::train::{Decay, Place, Schedule, Settings, Split};
use burn::tensor::Device;
use ringfence::data;
use ringfence::noise::SIGMA_RANGE;
use std::path::PathBuf;

/// Arguments of `quantise`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer quantise runs/c10 --out runs/c10-int8
  ringfence-trainer export runs/c10-int8 -o models/c10-int8.onnx
  ringfence compile models/c10-int8.onnx --sigma 0.25 -o c10.rfm")]
pub struct Args {
    /// Checkpoint folder of a float network, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// Folder of the fine-tuned network and metrics
    #[arg(long)]
    out: PathBuf,
    /// Passes over the training images
    #[arg(long, default_value_t = 2)]
    epochs: u32,
    /// First learning rate, which falls to zero as half a cosine
    #[arg(long, default_value_t = 1e-3)]
    lr: f64,
    /// Images of a step; as in the float training by default
    #[arg(long)]
    batch: Option<usize>,
    /// Nesterov momentum
    #[arg(long, default_value_t = 0.9)]
    momentum: f64,
    /// Weight decay
    #[arg(long, default_value_t = 0.0)]
    weight_decay: f64,
    /// Images that the levels of activations are measured on
    #[arg(long, default_value_t = 256)]
    images: usize,
    /// Data set; the one it was trained on by default
    #[arg(long)]
    data: Option<String>,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device of the gradients: cpu, cuda or cuda:INDEX (the integers are computed on the CPU)
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// Runs `quantise`.
///
/// # Errors
/// Checkpoint, data, settings or device at fault; a diverged run.
pub fn run(args: &Args) -> Result<(), Error> {
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let float = checkpoint::read_state(&folder)?;
    let mut settings = settings(args, &float);
    settings.check()?;
    let dataset = data::open(&settings.data, data::Split::Train)?;
    settings.data = dataset.spec();
    let (shape, count) = (dataset.shape(), dataset.len());
    if [shape.channels, shape.height, shape.width] != float.net.input || settings.validation >= count {
        return Err(Error::Settings(format!(
            "{}: {count} images of {shape}, not those of the training",
            settings.data
        )));
    }
    let held = count - settings.validation;
    let fitted = settings.images.unwrap_or(held).min(held);
    let images = Images::read(dataset.as_ref(), 0..fitted)?;
    let validation = Images::read(dataset.as_ref(), held..count)?;
    let net = checkpoint::load_net(&folder, &float.net, &Device::flex())?;
    // Without noise in training there is still a least that the compiler knows.
    let sigma = f64::from(settings.augmentation.sigma).max(*SIGMA_RANGE.start());
    let levels = measure(&net, &float.net, dataset.as_ref(), sigma, args.images)?;
    let start = Start { net: fold(&net, &device)?, float, levels };
    let place = Place { progress: true, ..Place::new(&args.out, &device, path) };
    let split = Split { train: &images, validation: &validation };
    let state = fine_tune(start, &settings, split, place)?;
    let accuracy = state.validation.map_or_else(|| "not measured".into(), |a| format!("{:.2} %", 100.0 * a));
    println!("{} epochs done; integer accuracy on held-out images with noise: {accuracy}", state.epoch);
    Ok(())
}

/// The settings of the float training with those of the fine-tuning in their places.
fn settings(args: &Args, float: &State) -> Settings {
    let from = &float.settings;
    Settings {
        data: args.data.clone().unwrap_or_else(|| from.data.clone()),
        batch: args.batch.unwrap_or(from.batch),
        schedule: Schedule { rate: args.lr, warmup: 0.0, epochs: args.epochs, decay: Decay::Cosine },
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        ..from.clone()
    }
}
