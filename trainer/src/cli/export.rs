//! `export`.

use super::{device, evaluate};
use crate::error::Error;
use crate::export::{Accuracy, Card, to_onnx, write_whole};
use crate::train::checkpoint;
use burn::tensor::Device;
use ringfence::data;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer export runs/signs -o models/signs-resnet8-s025.onnx
  ringfence-trainer export runs/c10 --data cifar10:cifar -o models/cifar10-resnet20-s025.onnx")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint
    checkpoint: PathBuf,
    /// ONNX file to write; the card goes beside it as NAME.json
    #[arg(short, long, value_name = "NAME.onnx")]
    output: PathBuf,
    /// Data set for the card's test accuracy; the one it was trained on by default
    #[arg(long)]
    data: Option<String>,
    /// Leave the test accuracy out of the card
    #[arg(long, conflicts_with = "data")]
    no_accuracy: bool,
    /// Threads; 0: one for every core
    #[arg(long, default_value_t = 0)]
    pub threads: usize,
    /// Device of the accuracy: cpu, cuda or cuda:INDEX
    #[arg(long, default_value = "cpu")]
    device: String,
}

/// Seed of the card's noisy accuracy.
const NOISE_SEED: u64 = 1;

/// Runs `export`.
///
/// # Errors
/// Checkpoint, data or files at fault.
pub fn run(args: &Args) -> Result<(), Error> {
    let name = match (args.output.extension(), args.output.file_stem().and_then(|s| s.to_str())) {
        (Some(extension), Some(stem)) if extension == "onnx" => stem,
        _ => return Err(Error::Settings(format!("-o {}: expected a file NAME.onnx", args.output.display()))),
    };
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let state = checkpoint::read_state(&folder)?;
    let net = checkpoint::load_net(&folder, &state.net, &Device::flex())?;
    let onnx = to_onnx(&net, &state.net, name)?;
    let test = if args.no_accuracy {
        None
    } else {
        let spec = args.data.as_ref().unwrap_or(&state.settings.data);
        let images = evaluate::read(spec, data::Split::Test, None, &state)?;
        let sigma = state.settings.augmentation.sigma;
        let [clean, noisy] = evaluate::scores(&folder, &state, &images, sigma, NOISE_SEED, (&device, path))?;
        Some(Accuracy { images: images.len(), clean, noisy })
    };
    write_whole(&args.output, &onnx)?;
    let card = args.output.with_extension("json");
    Card::new(name, &onnx, &state, net.parameters(), test).write(&card)?;
    println!("{} ({} bytes) and {}", args.output.display(), onnx.len(), card.display());
    Ok(())
}
