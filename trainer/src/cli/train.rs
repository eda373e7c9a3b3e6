//! `train`.

use super::device;
use crate::data::{Augmentation, Images, moments};
use crate::error::Error;
use crate::nets::{Architecture, NetSpec};
use crate::noise::NoiseSpec;
use crate::train::{Decay, Place, Schedule, Settings, Split, train};
use ringfence::data;
use std::path::PathBuf;

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer train --net resnet8 --data signs --sigma 0.25 --epochs 10 --out runs/signs
  ringfence-trainer train --net resnet20 --data cifar10:cifar --sigma 0.25 --epochs 40 --out runs/c10 --resume")]
pub struct Args {
    /// Network
    #[arg(long, long_help = format!("Network: {}", Architecture::names()))]
    net: Architecture,
    /// Noise inside the network: none, or parts joined by + from input:SIGMA, pni-input, pni-w-GRAIN or cni-w,
    /// pni-a-in-GRAIN and pni-a-out-GRAIN, with GRAIN layer, channel or element
    #[arg(long, default_value = "none")]
    noise: NoiseSpec,
    /// Data set: signs, cifar10:DIR, cifar100:DIR, mnist:DIR or fashion-mnist:DIR
    #[arg(long)]
    data: String,
    /// Deviation of the noise on the pixel range [0, 1]
    #[arg(long)]
    sigma: f32,
    /// Passes over the training images
    #[arg(long)]
    epochs: u32,
    /// Folder of checkpoints and metrics
    #[arg(long)]
    out: PathBuf,
    /// Go on from the newest checkpoint in --out, if there is one
    #[arg(long)]
    resume: bool,
    /// Full learning rate
    #[arg(long, default_value_t = 0.1)]
    lr: f64,
    /// Epochs of linear warm-up
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Divide the rate by ten at these epochs, instead of the cosine
    #[arg(long, value_delimiter = ',', value_name = "EPOCHS")]
    steps: Vec<u32>,
    /// Images of a step
    #[arg(long, default_value_t = 128)]
    batch: usize,
    /// Nesterov momentum
    #[arg(long, default_value_t = 0.9)]
    momentum: f64,
    /// Weight decay
    #[arg(long, default_value_t = 5e-4)]
    weight_decay: f64,
    /// Zero border of the random crop, in pixels
    #[arg(long, default_value_t = 4)]
    crop: usize,
    /// Training images held out for validation (the last ones)
    #[arg(long, default_value_t = 1000)]
    validation: usize,
    /// Seed of weights, order, crops and noise
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device: cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// Runs `train`.
///
/// # Errors
/// Settings, data or files at fault; a diverged run.
pub fn run(args: &Args) -> Result<(), Error> {
    let (device, path) = device::open(&args.device)?;
    let mut settings = settings(args);
    settings.check()?;
    let dataset = data::open(&args.data, data::Split::Train)?;
    settings.data = dataset.spec();
    settings.augmentation.flip = dataset.mirror_keeps_class();
    let (shape, count) = (dataset.shape(), dataset.len());
    if args.validation >= count {
        return Err(Error::Settings(format!(
            "--validation {}: the data set has {count} images",
            args.validation
        )));
    }
    let held = count - args.validation;
    let images = Images::read(dataset.as_ref(), 0..held)?;
    let validation = Images::read(dataset.as_ref(), held..count)?;
    let [mean, deviation] = moments(&images);
    let net = NetSpec {
        architecture: args.net,
        input: [shape.channels, shape.height, shape.width],
        classes: dataset.classes().to_vec(),
        mean,
        deviation,
        noise: args.noise.clone(),
    };
    net.check()?;
    let place = Place { out: &args.out, device: &device, path, progress: true };
    let split = Split { train: &images, validation: &validation };
    let state = train(&net, &settings, split, place, args.resume, None)?;
    let accuracy = state.validation.map_or_else(|| "not measured".into(), |a| format!("{:.2} %", 100.0 * a));
    println!("{} epochs done; accuracy on held-out images with noise: {accuracy}", state.epoch);
    Ok(())
}

/// The settings the arguments ask for; the data set then says whether to flip.
fn settings(args: &Args) -> Settings {
    let decay = match args.steps.as_slice() {
        [] => Decay::Cosine,
        epochs => Decay::Step { epochs: epochs.to_vec() },
    };
    Settings {
        data: args.data.clone(),
        validation: args.validation,
        augmentation: Augmentation { crop: args.crop, flip: false, sigma: args.sigma },
        batch: args.batch,
        schedule: Schedule { rate: args.lr, warmup: args.warmup, epochs: args.epochs, decay },
        momentum: args.momentum,
        weight_decay: args.weight_decay,
        seed: args.seed,
    }
}
