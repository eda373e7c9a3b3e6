//! `train`.

use super::device;
use super::recipe::{self, Options};
use crate::data::{Images, moments};
use crate::error::Error;
use crate::nets::NetSpec;
use crate::train::{Place, Split, train};
use ringfence::data;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Arguments of `train`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer train --net resnet8 --data signs --sigma 0.25 --epochs 10 --out runs/signs
  ringfence-trainer train --net resnet20 --data cifar10:cifar --sigma 0.25 --epochs 40 --out runs/c10 --resume
  ringfence-trainer train --preset consistency-resnet20 --data cifar10:cifar --out runs/c10-consistency
  ringfence-trainer train --net resnet20 --data cifar10:cifar --method trades --set beta=4,epsilon=8/255 --epochs 80 --out runs/t
  ringfence-trainer train --net resnet20 --mask unet:8 --method ars --data signs-scene:64 --sigma 0.5 --epochs 8 --out runs/ars

`ringfence-trainer methods` lists methods, their numbers and presets. Ctrl-C stops after the running step and keeps a
checkpoint; repeat the command with --resume to go on.")]
pub struct Args {
    /// Data set
    #[arg(long, long_help = format!("Data set: {}", data::SPECS))]
    data: String,
    /// Folder of checkpoints and metrics
    #[arg(long)]
    out: PathBuf,
    /// Go on from the newest checkpoint in --out, if there is one
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    options: Options,
    /// Keep a checkpoint every so many steps, too (one is kept after each epoch)
    #[arg(long, value_name = "STEPS")]
    checkpoint: Option<u64>,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device: cpu, cuda or cuda:INDEX; several with commas share each batch
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// Runs `train`.
///
/// # Errors
/// Settings, data or files at fault; a diverged run.
pub fn run(args: &Args) -> Result<(), Error> {
    let (devices, path) = device::open_all(&args.device)?;
    let (architecture, mut settings) = recipe::settings(&args.options, &args.data)?;
    settings.check()?;
    if devices.len() > 1 && settings.method.objective().replays() > 1 {
        let reason = "several devices cannot share the replays of this method";
        return Err(Error::Settings(format!("--device {}: {reason}", args.device)));
    }
    let dataset = data::open(&args.data, data::Split::Train)?;
    settings.data = dataset.spec();
    settings.augmentation.flip = dataset.mirror_keeps_class();
    let (shape, count) = (dataset.shape(), dataset.len());
    if settings.validation >= count {
        let reason = format!("--validation {}: the data set has {count} images", settings.validation);
        return Err(Error::Settings(reason));
    }
    let held = count - settings.validation;
    let fitted = settings.images.unwrap_or(held);
    if fitted > held {
        let reason = format!("--images {fitted}: there are {held} that are not held out");
        return Err(Error::Settings(reason));
    }
    let images = match settings.method.objective().mask() {
        Some(needs) if needs.supervised => Images::read_located(dataset.as_ref(), 0..fitted)?,
        _ => Images::read(dataset.as_ref(), 0..fitted)?,
    };
    let validation = Images::read(dataset.as_ref(), held..count)?;
    let [mean, deviation] = moments(&images);
    let net = NetSpec {
        architecture,
        input: [shape.channels, shape.height, shape.width],
        classes: dataset.classes().to_vec(),
        mean,
        deviation,
        noise: args.options.noise()?,
        mask: args.options.mask(&settings.method)?,
    };
    net.check()?;
    settings.check_mask(&net)?;
    let stop = stop_on_signal()?;
    let place = Place {
        out: &args.out,
        device: &devices[0],
        shards: &devices[1..],
        path,
        progress: true,
        every: args.checkpoint,
        stop: &stop,
    };
    let split = Split { train: &images, validation: &validation };
    let state = train(&net, &settings, split, place, args.resume, None)?;
    if state.epoch < settings.schedule.epochs {
        println!("stopped after step {} of epoch {}; repeat with --resume to go on", state.step, state.epoch);
        return Ok(());
    }
    let percent = |v: f64| format!("{:.2} %", 100.0 * v);
    let accuracy = state.validation.map_or_else(|| "not measured".into(), percent);
    println!("{} epochs done; accuracy on held-out images with noise: {accuracy}", state.epoch);
    if let Some(best) = state.best {
        println!(
            "best: epoch {} ({}), kept in {}",
            best.epoch,
            percent(best.score),
            args.out.join("best").display()
        );
    }
    Ok(())
}

/// A flag that Ctrl-C sets.
fn stop_on_signal() -> Result<Arc<AtomicBool>, Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = stop.clone();
    ctrlc::set_handler(move || flag.store(true, Ordering::Relaxed))
        .map_err(|e| Error::Settings(format!("Ctrl-C cannot be caught: {e}")))?;
    Ok(stop)
}
