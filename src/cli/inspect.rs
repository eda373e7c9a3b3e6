//! `ringfence inspect`: what a model file holds.

use std::io::Write;

use super::memory::{self, Document};
use super::model_file::ModelFile;
use super::{CliError, to_json};
use crate::compile::inspect::{Certificate, Layer, Report, inspect};
use crate::device;
use crate::report::Norm;

const EXAMPLES: &str = "\
Examples:
  ringfence inspect                     the embedded model
  ringfence inspect model.rfm --json    one JSON object (schema ringfence.inspect/1)
  ringfence inspect --memory            RAM and flash on a microcontroller (JSON: schema ringfence.memory/1)";

/// Show the layers, sizes, noise and certificate tables of a model
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Model file (.rfm) or name of an embedded model; the first embedded model if not given
    model: Option<String>,
    /// Show what the model takes on a microcontroller: RAM, flash, and what lies in the arena when
    #[arg(long)]
    memory: bool,
    /// Write JSON instead of text (schema ringfence.inspect/1)
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
///
/// # Errors
/// A file that cannot be read or is no model; standard output.
pub fn run(args: Args) -> Result<(), CliError> {
    let file = ModelFile::open(args.model.as_deref())?;
    let model = if args.memory { file.parse_plain("inspect --memory")? } else { file.parse()? };
    let report = inspect(&model);
    let mut out = std::io::stdout().lock();
    if args.memory {
        let memory = device::memory(&model, report.weight_bytes);
        let text = if args.json {
            to_json(&Document::new(&report, &memory))? + "\n"
        } else {
            memory::text(&report, &memory)
        };
        out.write_all(text.as_bytes())?;
    } else if args.json {
        serde_json::to_writer(&mut out, &report).map_err(std::io::Error::from)?;
        writeln!(out)?;
    } else {
        out.write_all(text(&report).as_bytes())?;
    }
    Ok(())
}

/// The report for people.
pub(super) fn text(report: &Report) -> String {
    let [height, width, channels] = report.input;
    let mut lines = vec![
        format!(
            "model   {}, {} bytes, compiled by {}",
            report.name.as_deref().unwrap_or("without a name"),
            report.file_bytes,
            report.compiler.as_deref().unwrap_or("an unknown program")
        ),
        format!("sha256  {} (of ONNX {})", report.sha256, report.source_sha256),
        format!(
            "image   {height}x{width}x{channels} (rows, columns, channels), activations of {} bits",
            report.activation_bits
        ),
        format!("classes {}: {}", report.classes.len(), report.classes.join(", ")),
        String::new(),
    ];
    if let Some(mask) = &report.mask {
        lines.push(format!("mask network, of ONNX {}", mask.source_sha256));
        lines.extend(layer_lines(&mask.layers));
        lines.push(format!(
            "{} MACs, {} bytes of weights, constants and tables",
            mask.macs, mask.weight_bytes
        ));
        lines.push("\nclassifier".to_owned());
    }
    lines.extend(layer_lines(&report.layers));
    lines.push(String::new());
    lines.push(format!("{} MACs, {} weights", report.macs, report.weights));
    lines.push(format!("weights and constants  {:>9} bytes", report.weight_bytes));
    lines.push(format!("activations            {:>9} bytes if none shared memory", report.activation_bytes));
    lines.push(format!("arena                  {:>9} bytes a sample", report.arena_bytes));
    lines.push(String::new());
    lines.extend(noise_lines(report));
    lines.extend(report.certificates.iter().map(certificate_line));
    lines.join("\n") + "\n"
}

fn noise_lines(report: &Report) -> Vec<String> {
    let noise = &report.noise;
    let table = format!(
        "sigma {} pixel, values {}..={} /255, {} bytes, total variation distance {:.2e} an image",
        noise.sigma, noise.min, noise.max, noise.bytes, noise.tv_budget
    );
    let Some(mask) = &report.mask else { return vec![format!("noise   {table}")] };
    vec![
        format!(
            "noise   sigma {} pixel in two steps, {} of the budget to the first",
            mask.sigma, mask.budget_split
        ),
        format!("first   {table}"),
        format!(
            "second  sigma up to {:.6} pixel, as the mask is, total variation distance {:.2e} an image",
            mask.second_sigma, mask.tv_budget
        ),
    ]
}

fn layer_lines(layers: &[Layer]) -> Vec<String> {
    let head = format!(
        "{:>3}  {:<28} {:<24} {:>12} {:>12} {:>9} {:>9}",
        "", "layer", "", "output", "MACs", "weights B", "output B"
    );
    let lines = layers.iter().enumerate().map(|(index, layer)| layer_line(index, layer));
    std::iter::once(head).chain(lines).collect()
}

fn layer_line(index: usize, layer: &Layer) -> String {
    let [height, width, channels] = layer.output;
    let what = match (layer.kernel, layer.stride) {
        (Some([rows, columns]), Some([down, right])) => {
            format!("{} {rows}x{columns}/{down},{right}", layer.kind)
        }
        (Some([rows, columns]), None) => format!("{} {rows}x{columns}", layer.kind),
        _ => layer.kind.to_owned(),
    };
    let extras = [(layer.residual, " +res"), (layer.relu, " relu")];
    let what = extras.iter().filter(|(on, _)| *on).fold(what, |what, (_, extra)| what + extra);
    format!(
        "{index:>3}  {:<28} {what:<24} {:>12} {:>12} {:>9} {:>9}",
        layer.name.as_deref().unwrap_or("-"),
        format!("{height}x{width}x{channels}"),
        layer.macs,
        layer.weight_bytes,
        layer.activation_bytes
    )
}

fn certificate_line(table: &Certificate) -> String {
    let selection = table.n0.map_or(String::new(), |n0| format!(" after {n0} that select"));
    let least = table.least_count.map_or("never".to_owned(), |count| format!("from {count} votes"));
    let radius = match (table.max_radius, table.norm) {
        (None, _) => String::new(),
        (Some(radius), Norm::L2) => format!(", radius up to {radius:.4} pixel"),
        (Some(radius), Norm::LInf) => format!(", L-infinity radius up to {:.3} /255", 255.0 * radius),
    };
    format!("table   {} of {}{selection}, alpha {}: {least}{radius}", table.method, table.n, table.alpha)
}
