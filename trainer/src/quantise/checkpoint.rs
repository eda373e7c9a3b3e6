//! `OUT/quantised/{network.bpk, state.json}`: the network after the newest epoch of fine-tuning.
//!
//! Written to a scratch folder and renamed, so that it is either whole or absent.

use super::fold::{Folded, fold};
use super::levels::Levels;
use crate::error::Error;
use crate::nets::Network;
use crate::train::Settings;
use crate::train::checkpoint::State as FloatState;
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// The part of the checkpoint that is not tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Format of this file.
    pub schema: String,
    /// The float network that was fine-tuned.
    pub float: FloatState,
    /// How it is fine-tuned.
    pub settings: Settings,
    /// Levels of all activations.
    pub levels: Vec<Levels>,
    /// Epochs of fine-tuning done.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// Wall seconds so far.
    pub seconds: f64,
    /// Accuracy of the integer network on the held-out images, with the training noise, in `[0, 1]`.
    pub validation: Option<f64>,
}

impl State {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "ringfence.quantised/1";
}

fn folder(out: &Path) -> PathBuf {
    out.join("quantised")
}

/// Whether `out` is the folder of a fine-tuning run with a checkpoint.
#[must_use]
pub fn is_in(out: &Path) -> bool {
    folder(out).join("state.json").exists()
}

/// Writes the checkpoint in the place of an earlier one.
///
/// # Errors
/// Naming the file.
pub fn save(out: &Path, state: &State, net: &Folded) -> Result<(), Error> {
    let (target, scratch) = (folder(out), out.join("quantised.new"));
    if scratch.exists() {
        fs::remove_dir_all(&scratch).map_err(Error::file(&scratch))?;
    }
    fs::create_dir_all(&scratch).map_err(Error::file(&scratch))?;
    let file = scratch.join("network.bpk");
    net.valid().save_file(&file).map_err(Error::record(&file))?;
    let file = scratch.join("state.json");
    let text = serde_json::to_string_pretty(state).map_err(Error::json(&file))?;
    fs::write(&file, text + "\n").map_err(Error::file(&file))?;
    if target.exists() {
        fs::remove_dir_all(&target).map_err(Error::file(&target))?;
    }
    fs::rename(&scratch, &target).map_err(Error::file(&target))
}

/// Reads the checkpoint in `out` onto `device`.
///
/// # Errors
/// Naming the file at fault.
pub fn load(out: &Path, device: &Device) -> Result<(State, Folded), Error> {
    let file = folder(out).join("state.json");
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let state: State = serde_json::from_str(&text).map_err(Error::json(&file))?;
    if state.schema != State::SCHEMA {
        let reason = format!("{}: schema {:?}, expected {:?}", file.display(), state.schema, State::SCHEMA);
        return Err(Error::Settings(reason));
    }
    let file = folder(out).join("network.bpk");
    let empty = fold(&Network::new(&state.float.net, &Device::flex(), 0), device)?;
    let net = empty.try_load_file(&file).map_err(Error::record(&file))?;
    Ok((state, net))
}
