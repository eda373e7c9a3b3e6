//! `import`.

use crate::error::Error;
use crate::export::restore;
use crate::train::checkpoint;
use burn::tensor::Device;
use std::path::PathBuf;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer import models/cifar10-resnet20-fast.onnx --out runs/fast
  ringfence-trainer attack runs/fast --data cifar10:cifar --suite quick
  ringfence-trainer import models/cifar10-resnet20-s050.onnx --out runs/s050
  ringfence-trainer audit models/cifar10-resnet20-s050.rfm --network runs/s050 --data cifar10:cifar

The weights are the exported ones, bit for bit. What a card does not hold is left out: the optimiser's state, without which
`train --resume` cannot go on; `train --from` can.")]
pub struct Args {
    /// ONNX file that `export` wrote of a float network; its card NAME.json and its mask are read from the same folder
    #[arg(value_name = "NAME.onnx")]
    onnx: PathBuf,
    /// Folder to write the checkpoint to; it must not be there
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
}

/// Runs `import`.
///
/// # Errors
/// File or card at fault, or a folder that is already there.
pub fn run(args: &Args) -> Result<(), Error> {
    let (state, defence) = restore(&args.onnx, &Device::flex())?;
    checkpoint::save_net(&args.out, &state, &defence)?;
    println!("{}: {} after {} epochs", args.out.display(), state.net.architecture, state.epoch);
    Ok(())
}
