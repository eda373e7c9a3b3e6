//! `ringfence compile`: from ONNX to an integer model file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use ringfence_runtime::Model;

use super::CliError;
use super::inspect;
use super::screen::ScreenArgs;
use crate::compile::emit::{Language, emit};
use crate::compile::inspect::inspect as describe;
use crate::compile::{
    ActivationBits, Networks, Options, TableSpec, compile_adaptive, compile_observed, compile_quantised,
};
use crate::data::{self, SPECS, Split};

const EXAMPLES: &str = "\
Examples:
  ringfence compile net.onnx --calibrate signs --sigma 0.25 -o net.rfm
  ringfence compile net.onnx --calibrate cifar10:DIR --sigma 0.5 -o net.rfm --table two-stage:100:10000:0.001
  ringfence compile net.onnx --calibrate signs --sigma 0.25 -o net.rfm --emit c      also net.c and net.h
  ringfence compile net.onnx --mask unet.onnx --calibrate signs --sigma 0.5 -o net.rfm   adaptive smoothing
  ringfence compile quantised.onnx --sigma 0.25 -o net.rfm                            no ranges to measure
  ringfence compile torch.onnx --calibrate cifar10:DIR --sigma 0.25 -o net.rfm \\
      --mean 0.4914,0.4822,0.4465 --std 0.2470,0.2435,0.2616      for a model that expects normalised images";

/// Compile an ONNX network to an integer model file with noise and certificate tables
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Network in ONNX: float, or quantised (QDQ)
    onnx: PathBuf,
    /// Data set whose training images the ranges are measured on; not needed where the network gives all of them
    /// (QuantizeLinear, DequantizeLinear)
    #[arg(long, value_name = "SPEC", long_help = data_help())]
    calibrate: Option<String>,
    /// Deviation of the smoothing noise, in pixels of [0, 1]
    #[arg(long, value_name = "SIGMA")]
    sigma: f64,
    /// Mask network in ONNX, float: smoothing becomes adaptive and radii L-infinity. It takes pixels of [0, 1]; --mean and
    /// --std are the classifier's
    #[arg(long, value_name = "ONNX", requires = "calibrate")]
    mask: Option<PathBuf>,
    /// Share of the first step, which the mask is made from, in the budget of noise
    #[arg(long, value_name = "A", default_value_t = 0.5, requires = "mask")]
    budget_split: f64,
    /// Model file to write
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Images to calibrate on
    #[arg(long, default_value_t = 256, value_name = "N")]
    images: usize,
    /// Number that the noise derives from
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// Bits of the activations: 7 is faster on x86 CPUs with AVX2 but without VNNI, and a little less accurate
    #[arg(long, default_value = "8", value_name = "7|8")]
    activation_bits: ActivationBits,
    /// Certificate table to write, may be repeated: two-stage:N0:N:ALPHA, single-stage:N:ALPHA, predict:N:ALPHA,
    /// sequential:R:N:ALPHA
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<TableSpec>,
    /// Mean that the network expects to be subtracted from each channel of [0, 1]
    #[arg(long, value_name = "M,..", value_delimiter = ',', allow_hyphen_values = true)]
    mean: Vec<f64>,
    /// Deviation that it expects each channel to be divided by
    #[arg(long, value_name = "S,..", value_delimiter = ',')]
    std: Vec<f64>,
    /// Names of the classes; those of the data set, or numbers, if not given
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    classes: Vec<String>,
    /// Name to record; that of the model file if not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Also write the model as source text beside the model file, for programs that compile it in
    #[arg(long, value_name = "rust|c")]
    emit: Option<Language>,
    /// Write JSON instead of text (schema ringfence.inspect/1)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
}

fn data_help() -> String {
    format!(
        "Data set whose training images the ranges are measured on, unless the network gives all of them \
         (QuantizeLinear, DequantizeLinear): {SPECS}"
    )
}

/// Runs the verb.
///
/// # Errors
/// Files, data sets, options that do not fit, and networks that cannot be compiled, with the node at fault.
pub fn run(args: Args) -> Result<(), CliError> {
    if args.emit.is_some() && args.out.extension().is_none_or(|extension| extension != "rfm") {
        return Err(CliError::Usage(
            "--emit writes beside the model file: its name must end with .rfm".into(),
        ));
    }
    let onnx = read(&args.onnx)?;
    let data = args.calibrate.as_deref().map(|spec| data::open(spec, Split::Train)).transpose()?;
    let stem = args.out.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let name = args.name.clone().or(stem.clone()).unwrap_or_default();
    let bar = args.screen.bar("calibration");
    let progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let options = options(&args);
    let mask = args.mask.as_deref().map(read).transpose()?;
    let compiled = match (&data, &mask) {
        (Some(data), Some(mask)) => {
            let networks = Networks { classifier: &onnx, mask };
            compile_adaptive(networks, &name, data.as_ref(), (&options, args.budget_split), &progress)
        }
        (Some(data), None) => compile_observed(&onnx, &name, data.as_ref(), &options, &progress),
        (None, _) => compile_quantised(&onnx, &name, &options),
    };
    bar.finish_and_clear();
    let sources = || match &args.mask {
        Some(mask) => format!("{} with mask {}", args.onnx.display(), mask.display()),
        None => args.onnx.display().to_string(),
    };
    let bytes = compiled.map_err(|error| CliError::failed(sources(), error))?;
    write(&args.out, &bytes)?;
    let sources = args.emit.map(|language| emit(language, stem.as_deref().unwrap_or_default(), &bytes));
    for (extension, text) in sources.unwrap_or_default() {
        write(&args.out.with_extension(extension), text.as_bytes())?;
    }
    let model = Model::parse(&bytes)
        .map_err(|source| CliError::Model { name: args.out.display().to_string(), source })?;
    let report = describe(&model);
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(inspect::text(&report).as_bytes())?;
    }
    Ok(())
}

fn options(args: &Args) -> Options {
    let defaults = Options::new(args.sigma);
    Options {
        images: args.images,
        seed: args.seed,
        activation_bits: args.activation_bits,
        tables: if args.tables.is_empty() { defaults.tables.clone() } else { args.tables.clone() },
        mean: args.mean.clone(),
        std: args.std.clone(),
        classes: args.classes.clone(),
        ..defaults
    }
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CliError> {
    fs::write(path, bytes).map_err(|source| CliError::File {
        path: path.to_owned(),
        action: "cannot be written",
        source,
    })
}

/// The bytes of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::File {
        path: path.to_owned(),
        action: "cannot be read",
        source,
    })
}
