//! `methods`.

use crate::error::Error;
use crate::methods::{METHODS, PRESETS};
use std::fmt::Write as _;

/// Arguments of `methods`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  ringfence-trainer methods
  ringfence-trainer methods --json")]
pub struct Args {
    /// Print JSON, for machines
    #[arg(long)]
    json: bool,
}

/// Runs `methods`: every method with its paper, loss, inner attack, cost and numbers, then every preset.
///
/// # Errors
/// None that a table of constants can cause.
pub fn run(args: &Args) -> Result<(), Error> {
    let text = if args.json { json() } else { table() };
    println!("{text}");
    Ok(())
}

/// The usual numbers of a method, as `--set` takes them.
fn numbers(method: &crate::methods::Method) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(method) else { return String::new() };
    let shown = fields.iter().filter(|(key, _)| *key != "objective");
    let one = |(key, value): (&String, &serde_json::Value)| match value {
        serde_json::Value::String(word) => format!("{key}={word}"),
        serde_json::Value::Number(n) => match n.as_f64() {
            Some(v) if v.fract() != 0.0 => format!("{key}={v:.4}"),
            _ => format!("{key}={n}"),
        },
        other => format!("{key}={other}"),
    };
    shown.map(one).collect::<Vec<_>>().join(",")
}

fn table() -> String {
    let mut text = String::from("METHODS (cost: forward-backward passes an image and step)\n");
    for e in METHODS {
        let method = (e.make)();
        let cost = method.objective().cost();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n{:<12} {}  cost {cost}", e.name, e.paper);
        let _ = writeln!(text, "  loss       {}", e.loss);
        let _ = writeln!(text, "  attack     {}", e.inner);
        if let Some(noise) = e.noise {
            let _ = writeln!(text, "  noise      --noise {noise}");
        }
        if e.fine_tunes {
            let _ = writeln!(text, "  begins     --from RUN");
        }
        let numbers = numbers(&method);
        if !numbers.is_empty() {
            let _ = writeln!(text, "  --set      {numbers}");
        }
    }
    text.push_str("\nPRESETS\n");
    for p in PRESETS {
        let set = if p.set.is_empty() { String::new() } else { format!(" --set {}", p.set.join(",")) };
        let _ = write!(
            text,
            "\n{:<22} {}\n  --net {} --method {}{set} --sigma {} --epochs {} --batch {} --lr {} --weight-decay {}",
            p.name, p.source, p.net, p.method, p.sigma, p.epochs, p.batch, p.rate, p.decay
        );
    }
    text
}

fn json() -> String {
    let methods: Vec<_> = METHODS
        .iter()
        .map(|e| {
            let method = (e.make)();
            serde_json::json!({
                "name": e.name, "paper": e.paper, "loss": e.loss, "attack": e.inner, "noise": e.noise,
                "fine_tunes": e.fine_tunes, "cost": method.objective().cost(), "numbers": method,
            })
        })
        .collect();
    let presets: Vec<_> = PRESETS
        .iter()
        .map(|p| {
            serde_json::json!({
                "name": p.name, "source": p.source, "net": p.net, "method": p.method, "set": p.set, "sigma": p.sigma,
                "epochs": p.epochs, "batch": p.batch, "rate": p.rate, "steps": p.steps, "weight_decay": p.decay,
                "clip": p.clip,
            })
        })
        .collect();
    serde_json::json!({ "schema": "ringfence.methods/1", "methods": methods, "presets": presets }).to_string()
}
