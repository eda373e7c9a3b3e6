//! `ringfence validate`: an integer model against the float model it was compiled from.

use std::io::Write;
use std::path::PathBuf;

use super::CliError;
use super::compile::read;
use super::model_file::ModelFile;
use super::screen::ScreenArgs;
use crate::compile::difference::Difference;
use crate::compile::validate::{Images, Report, validate};
use crate::data::{self, SPECS, Split};

const EXAMPLES: &str = "\
Examples:
  ringfence validate net.rfm net.onnx --data signs --max 200
  ringfence validate net.rfm net.onnx --data cifar10:DIR --max 1000 --noisy --json";

/// Compare a model with its float ONNX network, layer by layer, on the same images
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model
    model: String,
    /// The ONNX file it was compiled from
    onnx: PathBuf,
    /// Data set
    #[arg(long, value_name = "SPEC", default_value = "signs", long_help = data_help())]
    data: String,
    /// Half of the data set
    #[arg(long, default_value = "test", value_name = "train|test")]
    split: Split,
    /// Number of images, spread evenly over the data set
    #[arg(long, default_value_t = 500, value_name = "M")]
    max: usize,
    /// Add the model's noise to the images, one draw each
    #[arg(long)]
    noisy: bool,
    /// Number that the noise derives from
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// Write JSON instead of text (schema ringfence.validate/1)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    screen: ScreenArgs,
}

fn data_help() -> String {
    format!("Data set: {SPECS}")
}

/// Runs the verb.
///
/// # Errors
/// Files, data sets, and a model that was compiled from another ONNX file.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(Some(&args.model))?;
    let model = file.parse_plain("validate")?;
    let onnx = read(&args.onnx)?;
    let data = data::open(&args.data, args.split)?;
    let images = Images { max: args.max, noisy: args.noisy, seed: args.seed };
    let bar = args.screen.bar("images");
    let progress = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let report = validate(&model, &onnx, data.as_ref(), images, &progress);
    bar.finish_and_clear();
    let report = report.map_err(|error| CliError::failed(args.onnx.display().to_string(), error))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(text(&report).as_bytes())?;
    }
    Ok(())
}

fn text(report: &Report) -> String {
    let header = format!(
        "{:<28} {:>12} {:>12} {:>12} {:>9}",
        "layer", "max error", "mean error", "float range", "SNR dB"
    );
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let ending = [
        format!("{} images, noise sigma {}", report.images, report.sigma),
        format!("same class     {}", percent(report.agreement)),
        format!("float correct  {}", percent(report.float_accuracy)),
        format!("int8 correct   {}", percent(report.integer_accuracy)),
    ];
    let lines = [header].into_iter().chain(report.layers.iter().map(line)).chain(ending);
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

fn line(difference: &Difference) -> String {
    let snr = difference.snr_db.map_or("exact".to_owned(), |db| format!("{db:.1}"));
    format!(
        "{:<28} {:>12.5} {:>12.6} {:>12.4} {snr:>9}",
        difference.layer, difference.max_abs, difference.mean_abs, difference.range
    )
}
