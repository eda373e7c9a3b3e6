//! `ringfence report`: what certificates will cost on a device, and what each N can prove.

use std::io::Write;

use super::model_file::ModelFile;
use super::{CliError, to_json};
use crate::device::{Device, Reach, Report, report};

const EXAMPLES: &str = "\
Examples:
  ringfence report --device cortex-m4 --mhz 120                 the embedded model: seconds and best radius for each N
  ringfence report --device cortex-m55 --mhz 400 --seconds 2    and the largest N that two seconds allow
  ringfence report model.rfm --device cortex-m7 --mhz 480 --cpi 1.1 --n 100,200 --json
                                                                one JSON object (schema ringfence.report/1)";

/// Predict seconds and best radius of certificates on a microcontroller
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    model: Option<String>,
    /// Processor core
    #[arg(long, value_name = "NAME", long_help = device_help())]
    device: String,
    /// Its clock in MHz
    #[arg(long, value_name = "MHZ")]
    mhz: f64,
    /// Cycles an instruction; an estimate for the core if not given, for code and data in memory without wait states
    #[arg(long, value_name = "CYCLES")]
    cpi: Option<f64>,
    /// Numbers of samples
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "16,32,64,100,200,500,1000", value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    n: Vec<u32>,
    /// Probability, over the noise drawn, that a certificate is wrong
    #[arg(long, value_name = "ALPHA", default_value_t = 0.001)]
    alpha: f64,
    /// Also the largest N that fits into this time
    #[arg(long, value_name = "T")]
    seconds: Option<f64>,
    /// Write JSON instead of text (schema ringfence.report/1)
    #[arg(long)]
    json: bool,
}

fn device_help() -> String {
    format!("Processor core: {}", names())
}

fn names() -> String {
    Device::ALL.map(|device| device.name).join(", ")
}

/// Runs the verb.
///
/// # Errors
/// A file that cannot be read or is no model, an unknown device, numbers out of range, standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = file.parse_plain("report")?;
    let device = Device::from_name(&args.device)
        .ok_or_else(|| CliError::Usage(format!("--device {}: expected one of {}", args.device, names())))?;
    let cycles = args.cpi.unwrap_or(device.cycles);
    for (option, value) in [("--mhz", Some(args.mhz)), ("--cpi", args.cpi), ("--seconds", args.seconds)] {
        if let Some(value) = value
            && !(value.is_finite() && value > 0.0)
        {
            return Err(CliError::Usage(format!("{option} {value}: expected a positive number")));
        }
    }
    let report = report(&model, device, (args.mhz, cycles), (&args.n, args.alpha), args.seconds)
        .map_err(|error| CliError::failed("report", error))?;
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", to_json(&report)?)?;
    } else {
        out.write_all(text(&report, file.name(), args.seconds).as_bytes())?;
    }
    Ok(())
}

fn text(report: &Report, model: &str, budget: Option<f64>) -> String {
    let millions = report.instructions / 1e6;
    let mut lines = vec![
        format!("model     {model}"),
        format!(
            "device    {} at {} MHz, backend {}, {} cycles an instruction{}",
            report.device,
            report.mhz,
            report.backend,
            report.cycles_per_instruction,
            " (--cpi: what a board measured)"
        ),
        format!("sample    {millions:.2} million instructions, {:.1} ms", report.seconds * 1e3),
        format!("alpha     {}, all votes select and count", report.alpha),
        String::new(),
        format!("{:>8} {:>12} {:>14} {:>20}", "N", "seconds", "least count", "radius at best"),
    ];
    lines.extend(report.reach.iter().map(line));
    if let (Some(budget), Some(fitting)) = (budget, report.fitting) {
        lines.push(String::new());
        lines.push(format!("{budget} s allow N = {fitting}"));
    }
    lines.join("\n") + "\n"
}

fn line(reach: &Reach) -> String {
    let count = reach.least_count.map_or("never".to_owned(), |count| count.to_string());
    let radius = reach.radius.map_or("-".to_owned(), |radius| format!("{radius:.4} pixel"));
    format!("{:>8} {:>12.3} {count:>14} {radius:>20}", reach.n, reach.seconds)
}
