//! `export`.

use super::{device, evaluate};
use crate::error::Error;
use crate::export::{Accuracy, Card, plane_to_onnx, to_onnx, unet_to_onnx, write_whole};
use crate::nets::{Mask, parameters};
use crate::quantise;
use crate::train::checkpoint;
use burn::tensor::Device;
use ringfence::data;
use std::path::PathBuf;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer export runs/signs -o models/signs-resnet8-s025.onnx
  ringfence-trainer export runs/c10 --data cifar10:cifar -o models/cifar10-resnet20-s025.onnx
  ringfence-trainer export runs/c10-int8 -o models/cifar10-resnet20-s025-int8.onnx")]
pub struct Args {
    /// Checkpoint folder, or a run's folder for its newest checkpoint; or the folder of `quantise`
    checkpoint: PathBuf,
    /// ONNX file to write; the card goes beside it as NAME.json, a mask as NAME-mask.onnx
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
    if quantise::checkpoint::is_in(&args.checkpoint) {
        return quantised(args, name);
    }
    let (device, path) = device::open(&args.device)?;
    let folder = checkpoint::resolve(&args.checkpoint)?;
    let state = checkpoint::read_state(&folder)?;
    let defence = checkpoint::load_defence(&folder, &state.net, &Device::flex())?;
    let (input, mask_name) = (state.net.input, format!("{name}-mask"));
    let mask = match &defence.mask {
        None => None,
        Some(Mask::UNet(net)) => Some((unet_to_onnx(net, input, &mask_name)?, parameters(net))),
        Some(Mask::Static(mask)) => Some((plane_to_onnx(mask, input, &mask_name)?, parameters(mask))),
    };
    let onnx = to_onnx(&defence.net, &state.net, name)?;
    let test = if args.no_accuracy {
        None
    } else {
        let spec = args.data.as_ref().unwrap_or(&state.settings.data);
        let images = evaluate::read(spec, data::Split::Test, None, &state)?;
        let sigma = state.settings.augmentation.sigma;
        let [clean, noisy] = evaluate::scores(&folder, &state, &images, sigma, NOISE_SEED, (&device, path))?;
        Some(Accuracy { images: images.len(), clean, noisy })
    };
    let mut card = Card::new(name, &onnx, &state, defence.net.parameters(), test);
    if let Some((mask, parameters)) = &mask {
        let file = args.output.with_file_name(format!("{name}-mask.onnx"));
        write_whole(&file, mask)?;
        println!("{} ({} bytes)", file.display(), mask.len());
        card = card.with_mask(name, mask, *parameters);
    }
    write(args, &onnx, &card)
}

/// Exports a network after `quantise`, whose accuracy is that of its integers.
fn quantised(args: &Args, name: &str) -> Result<(), Error> {
    let (state, net) = quantise::checkpoint::load(&args.checkpoint, &Device::flex())?;
    let (spec, levels) = (&state.float.net, &state.levels);
    let onnx = quantise::to_onnx(&quantise::round(&net, levels)?, levels, spec, name)?;
    let test = if args.no_accuracy {
        None
    } else {
        let data = args.data.as_ref().unwrap_or(&state.settings.data);
        let images = evaluate::read(data, data::Split::Test, None, &state.float)?;
        let score = |sigma| quantise::evaluate(&net, levels, spec, &images, sigma, NOISE_SEED);
        let (clean, noisy) = (score(0.0)?, score(state.settings.augmentation.sigma)?);
        Some(Accuracy { images: images.len(), clean, noisy })
    };
    let card = Card::new(name, &onnx, &state.float, net.parameters(), test).quantised(&state);
    write(args, &onnx, &card)
}

fn write(args: &Args, onnx: &[u8], card: &Card) -> Result<(), Error> {
    write_whole(&args.output, onnx)?;
    let path = args.output.with_extension("json");
    card.write(&path)?;
    println!("{} ({} bytes) and {}", args.output.display(), onnx.len(), path.display());
    Ok(())
}
