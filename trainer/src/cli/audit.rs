//! `audit`: the audit of `ringfence`, with searches that know the gradients.

use super::{attack, device};
use crate::attacks::{GradientSearch, NetTarget, SEARCHES};
use crate::error::Error;
use crate::train::checkpoint;
use burn::module::Module;
use ringfence::audit::{Search, search};
use ringfence::cli::{CliError, audit};
use std::path::{Path, PathBuf};

/// Arguments of `audit`.
#[derive(Debug, clap::Args)]
// The arguments within are a group of the same name.
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    audit: audit::Args,
    /// Checkpoint that the model was compiled from, or a run's folder: its network gives the gradients
    #[arg(long, value_name = "RUN")]
    network: PathBuf,
    /// Searches with gradients, before those without
    #[arg(long, value_delimiter = ',', default_values = SEARCHES)]
    attacks: Vec<String>,
    /// Draws of noise in each gradient
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    draws: u32,
}

/// Examples of the verb; the flattened arguments bring those of `ringfence audit`.
pub const EXAMPLES: &str = "\
Examples:
  ringfence-trainer audit c10.rfm --network runs/c10/best --max 100 --n 200
  ringfence-trainer audit c10.rfm --network runs/c10/best --attacks smoothadv-pgd --draws 128 --out audit.jsonl --resume
  ringfence-trainer audit c10.rfm --network runs/c10/best --inflate-radius 3     does the audit see false certificates?

As `ringfence audit`, with attacks on the smoothed classifier before its searches: the compiled network gives the values, the
checkpoint the gradients (BPDA). Every search has the same share of the queries; gradients are not counted.";

/// Runs the verb; tells whether the certificates hold.
///
/// # Errors
/// Checkpoint or model at fault; what the audit reports.
pub fn run(args: &Args) -> Result<bool, Error> {
    let file = args.audit.model.as_deref().map(Path::new).ok_or_else(|| {
        Error::Settings("audit: expected a model file (.rfm) that was compiled from --network".to_owned())
    })?;
    let (device, path) = device::open("cpu")?;
    let folder = checkpoint::resolve(&args.network)?;
    let state = checkpoint::read_state(&folder)?;
    let net = checkpoint::load_net(&folder, &state.net, &device)?.valid();
    let (deployed, _) = attack::deployed(file, &state.net, 0.0)?;
    let sigma = deployed.sigma()? as f32;
    let target = NetTarget { net: &net, spec: &state.net, path, seed: 0, sigma, deployed: Some(&deployed) };
    let network = checkpoint::fingerprint(&folder, &state.net)?;
    let make = |name: &String| GradientSearch::new(name, args.draws, target, (&network, &device));
    let gradients = args.attacks.iter().map(make).collect::<Result<Vec<_>, _>>()?;
    let mut searches: Vec<&dyn Search> = gradients.iter().map(|g| g as &dyn Search).collect();
    searches.extend(search::all());
    let holds = match audit::run_with(&args.audit, &searches) {
        Ok(()) => true,
        Err(CliError::CheckFailed(reason)) => {
            eprintln!("{reason}");
            false
        }
        Err(error) => return Err(Error::Audit(error.one_line())),
    };
    deployed.check()?;
    Ok(holds)
}
