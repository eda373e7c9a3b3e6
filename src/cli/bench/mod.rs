//! `ringfence bench`: what a noisy sample and a certificate cost on this machine.

pub(super) mod measure;

use std::io::Write;
use std::time::Duration;

use ringfence_runtime::Backend;

use self::measure::{Budget, Line, macs, measure};
use super::model_file::ModelFile;
use super::voting::parse_backend;
use super::{CliError, to_json};

const EXAMPLES: &str = "\
Examples:
  ringfence bench                                        the fastest instruction set of this processor
  ringfence bench --backends all --threads 1,2           everything it has, on one and two threads
  ringfence bench model.rfm --n 10000 --json             JSON lines (schema ringfence.bench/1)";

/// Time noisy samples and certificates on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    model: Option<String>,
    /// Instruction sets, or `all` that this processor has; the fastest if not given
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    backends: Vec<String>,
    /// Numbers of threads
    #[arg(long, value_name = "T,..", value_delimiter = ',', default_value = "1", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Vec<u16>,
    /// Samples computed side by side in one thread's arena; 16 with AMX, else 8, if not given
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u16).range(1..=16))]
    batch: Option<u16>,
    /// Counted samples of the certificate, after 100 that select
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
    n: u32,
    /// Seconds to time each instruction set and number of threads
    ///
    /// A certificate that needs ten times as long is not timed.
    #[arg(long, value_name = "T", default_value_t = 1.0)]
    seconds: f64,
    /// Write JSON instead of text (schema ringfence.bench/1)
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// A file that cannot be read or is no model, a backend that this processor lacks, standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = file.parse()?;
    let backends = backends(&args.backends)?;
    let time = Duration::try_from_secs_f64(args.seconds)
        .map_err(|error| CliError::Usage(format!("--seconds: {error}")))?;
    let budget = Budget { batch: args.batch.map(usize::from), n: args.n, time };
    let mut stdout = std::io::stdout();
    if !args.json {
        writeln!(stdout, "model {}, {} MACs", file.name(), macs(&model))?;
        writeln!(
            stdout,
            "{:<12} {:>7} {:>5} {:>12} {:>12} {:>12} {:>9} {:>13}",
            "backend", "threads", "batch", "us/sample", "median", "noise", "GMAC/s", "certificate"
        )?;
    }
    for &backend in &backends {
        for &threads in &args.threads {
            let line = measure(&budget, &model, file.name(), backend, usize::from(threads))?;
            writeln!(stdout, "{}", if args.json { to_json(&line)? } else { text(&line) })?;
        }
    }
    Ok(())
}

/// Instruction sets by name, or all that this processor has; the fastest if none is named.
pub(super) fn backends(names: &[String]) -> Result<Vec<Backend>, CliError> {
    match names {
        [] => Ok(vec![Backend::best()]),
        [all] if all == "all" => {
            Ok(Backend::ALL.into_iter().filter(|backend| backend.is_available()).collect())
        }
        names => names
            .iter()
            .map(|name| {
                parse_backend(name).map_err(|reason| CliError::Usage(format!("--backends {name}: {reason}")))
            })
            .collect(),
    }
}

fn text(line: &Line) -> String {
    let noise = line.us_noise_per_sample.map_or("-".into(), |us| format!("{us:.1}"));
    let certificate = line.certificate_s.map_or("-".into(), |s| format!("{s:.4} s"));
    format!(
        "{:<12} {:>7} {:>5} {:>12.1} {:>12.1} {noise:>12} {:>9.1} {certificate:>13}",
        line.backend,
        line.threads,
        line.batch,
        line.us_per_sample,
        line.us_per_sample_median,
        line.gmacs_per_s
    )
}
