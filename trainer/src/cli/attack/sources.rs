//! Other networks that images are crafted on: those of `--source`, and the one that imitates the target.

use crate::attacks::{ATTACKS, Attack, Craft, Imitation, NetTarget, Planned, Substitute};
use crate::cli::evaluate;
use crate::error::Error;
use crate::nets::{NetSpec, Network};
use crate::train::checkpoint::{self, State};
use burn::module::Module;
use burn::tensor::Device;
use ringfence::data;
use serde::Serialize;
use std::path::PathBuf;

/// A network of `--source`.
pub struct Source {
    net: Network,
    spec: NetSpec,
    /// Its hash.
    pub fingerprint: String,
}

/// What is told of the network that imitates the target.
#[derive(Debug, Clone, Serialize)]
pub struct Told {
    #[serde(flatten)]
    numbers: Substitute,
    /// Decisions of the target that it was trained on.
    queries: usize,
    /// Forward passes that those cost.
    forward: u64,
}

/// The networks of `--source`, which must take the target's images and tell its classes.
pub fn read(paths: &[PathBuf], target: &NetSpec, device: &Device) -> Result<Vec<Source>, Error> {
    paths
        .iter()
        .map(|path| {
            let folder = checkpoint::resolve(path)?;
            let state = checkpoint::read_state(&folder)?;
            if (state.net.input, &state.net.classes) != (target.input, &target.classes) {
                return Err(Error::Settings(format!(
                    "--source {}: expected a network of the target's images and classes",
                    path.display()
                )));
            }
            let net = checkpoint::load_net(&folder, &state.net, device)?.valid();
            let fingerprint = checkpoint::fingerprint(&folder, &state.net)?;
            Ok(Source { net, spec: state.net, fingerprint })
        })
        .collect()
}

/// The sources under the target's noise.
pub fn targets<'a>(sources: &'a [Source], target: &NetTarget<'_>) -> Vec<NetTarget<'a>> {
    let NetTarget { path, seed, sigma, .. } = *target;
    sources
        .iter()
        .map(|s| NetTarget { net: &s.net, spec: &s.spec, path, seed, sigma, deployed: None })
        .collect()
}

/// Whether one of `attacks` crafts on a network that imitates the target.
fn is_wanted(attacks: &[Planned]) -> bool {
    attacks.iter().any(|p| matches!(p.attack, Attack::Transfer(t) if t.craft == Craft::Substitute))
}

/// Refuses attacks that need `--source` without one.
pub fn check(attacks: &[Planned], sources: &[PathBuf]) -> Result<(), Error> {
    let needs = |p: &&Planned| ATTACKS.iter().any(|e| e.name == p.name && e.needs_sources());
    match attacks.iter().find(needs) {
        Some(planned) if sources.is_empty() => {
            Err(Error::Settings(format!("--attacks {}: needs --source, a network to craft on", planned.name)))
        }
        _ => Ok(()),
    }
}

/// Trains a network on the target's answers, if one of `attacks` needs it, from test images beyond the `attacked` ones.
pub fn imitate(
    attacks: &[Planned],
    (target, state): (&NetTarget<'_>, &State),
    (data, attacked): (&str, usize),
    votes: u32,
    device: &Device,
) -> Result<Option<(Imitation, Told)>, Error> {
    if !is_wanted(attacks) {
        return Ok(None);
    }
    let numbers = Substitute::default();
    let all = attacked + numbers.starting;
    let images = evaluate::read(data, data::Split::Test, Some(all), state)?;
    if images.len() < all {
        return Err(Error::Settings(format!(
            "--attacks substitute: {data} has {} test images; expected {attacked} to attack and {} more to start from (--max)",
            images.len(),
            numbers.starting
        )));
    }
    let net = target.net.valid();
    let target = NetTarget { net: &net, ..*target };
    let ids: Vec<u32> = (attacked as u32..all as u32).collect();
    let imitation = numbers.imitate(&target, (&images, &ids), votes, device);
    let told = Told { numbers, queries: imitation.queries, forward: imitation.cost.forward };
    println!("substitute: {} trained on {} answers of the network", numbers.architecture, told.queries);
    Ok(Some((imitation, told)))
}
