//! Checkpoints: `OUT/checkpoints/epoch-NNNN/{network.bpk, optimizer.bpk, state.json}`.
//!
//! A checkpoint is written to a scratch folder and renamed, so that one is either whole or absent;
//! older ones go only after the new one is in place.

use super::settings::Settings;
use crate::error::Error;
use crate::nets::{NetSpec, Network};
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// Checkpoints kept.
const KEEP: usize = 2;

/// The part of a checkpoint that is not tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Format of this file.
    pub schema: String,
    /// The network.
    pub net: NetSpec,
    /// How it is trained.
    pub settings: Settings,
    /// Epochs done.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// Wall seconds of training so far.
    pub seconds: f64,
    /// Accuracy on the held-out images after this epoch, with the training noise, in `[0, 1]`.
    pub validation: Option<f64>,
}

impl State {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "ringfence.checkpoint/1";
}

fn folder(out: &Path) -> PathBuf {
    out.join("checkpoints")
}

/// The whole checkpoints in `out`, oldest first.
///
/// # Errors
/// When the folder exists but cannot be listed.
pub fn list(out: &Path) -> Result<Vec<PathBuf>, Error> {
    let folder = folder(out);
    if !folder.exists() {
        return Ok(vec![]);
    }
    let mut found = vec![];
    for entry in fs::read_dir(&folder).map_err(Error::file(&folder))? {
        let path = entry.map_err(Error::file(&folder))?.path();
        if path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("epoch-")) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Writes a checkpoint and removes all but the newest two; returns its folder.
///
/// # Errors
/// Naming the file; the earlier checkpoints are then untouched.
pub fn save(out: &Path, state: &State, net: &Network, optimizer: &ModuleOptimizer) -> Result<PathBuf, Error> {
    let root = folder(out);
    let scratch = root.join("unfinished");
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(Error::file(&scratch))?;
    }
    fs::create_dir_all(&scratch).map_err(Error::file(&scratch))?;
    let file = scratch.join("network.bpk");
    // `valid` also settles the running statistics, whose last update would otherwise be left out.
    net.valid().save_file(&file).map_err(Error::record(&file))?;
    let file = scratch.join("optimizer.bpk");
    optimizer.save(&file).map_err(Error::record(&file))?;
    let file = scratch.join("state.json");
    let text = serde_json::to_string_pretty(state).map_err(Error::json(&file))?;
    fs::write(&file, text + "\n").map_err(Error::file(&file))?;
    for name in ["network.bpk", "optimizer.bpk", "state.json"] {
        let file = scratch.join(name);
        fs::File::open(&file).and_then(|f| f.sync_all()).map_err(Error::file(&file))?;
    }
    let target = root.join(format!("epoch-{:05}", state.epoch));
    if target.exists() {
        fs::remove_dir_all(&target).map_err(Error::file(&target))?;
    }
    fs::rename(&scratch, &target).map_err(Error::file(&target))?;
    let all = list(out)?;
    for old in &all[..all.len().saturating_sub(KEEP)] {
        fs::remove_dir_all(old).map_err(Error::file(old))?;
    }
    Ok(target)
}

/// The checkpoint that `path` names: its own folder, or a run's folder and its newest checkpoint.
///
/// # Errors
/// When there is none.
pub fn resolve(path: &Path) -> Result<PathBuf, Error> {
    if path.join("state.json").exists() {
        return Ok(path.to_owned());
    }
    list(path)?.pop().ok_or_else(|| {
        Error::Settings(format!(
            "{}: no checkpoint here: expected state.json or checkpoints/epoch-*",
            path.display()
        ))
    })
}

/// Reads a checkpoint's `state.json`.
///
/// # Errors
/// Naming the file.
pub fn read_state(checkpoint: &Path) -> Result<State, Error> {
    let file = checkpoint.join("state.json");
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let state: State = serde_json::from_str(&text).map_err(Error::json(&file))?;
    if state.schema != State::SCHEMA {
        let reason = format!("{}: schema {:?}, expected {:?}", file.display(), state.schema, State::SCHEMA);
        return Err(Error::Settings(reason));
    }
    Ok(state)
}

/// Loads the network of a checkpoint onto `device`.
///
/// # Errors
/// Naming the file.
pub fn load_net(checkpoint: &Path, spec: &NetSpec, device: &Device) -> Result<Network, Error> {
    let file = checkpoint.join("network.bpk");
    Network::blank(spec, device).try_load_file(&file).map_err(Error::record(&file))
}

/// Loads the optimiser state of a checkpoint.
///
/// # Errors
/// Naming the file.
pub fn load_optimizer(checkpoint: &Path, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, Error> {
    let file = checkpoint.join("optimizer.bpk");
    optimizer.load(&file).map_err(Error::record(&file))
}
