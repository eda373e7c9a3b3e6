//! Checkpoints: `OUT/checkpoints/epoch-NNNNN[-step-NNNNNNN]/{network.bpk, optimizer.bpk, state.json}`, with `average.bpk`
//! where weights are averaged and `network-mask.bpk`, `average-mask.bpk` where there is a mask; `OUT/best` is a copy of the one with the best validation.
//!
//! A checkpoint is written to a scratch folder and renamed, so that one is either whole or absent;
//! older ones go only after the new one is in place.

mod write;

pub use write::{Tensors, save, save_net};

use super::settings::Settings;
use crate::error::Error;
use crate::export::sha256;
use crate::nets::{Defence, Mask, NetSpec, Network};
use burn::module::{Module, ModuleMapper, Param};
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

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
    /// Steps done of the epoch that is running; 0 between epochs.
    #[serde(default)]
    pub within: u64,
    /// Wall seconds of training so far.
    pub seconds: f64,
    /// Accuracy on the held-out images after this epoch, with the training noise, in `[0, 1]`.
    pub validation: Option<f64>,
    /// The best epoch so far.
    #[serde(default)]
    pub best: Option<Best>,
    /// Steps since the last line of metrics.
    #[serde(default)]
    pub partial: Partial,
}

/// The epoch with the highest validation score: accuracy under attack for methods with an attack, else noisy accuracy.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Epochs done then.
    pub epoch: u32,
    /// The score, in `[0, 1]`.
    pub score: f64,
}

/// What the next line of training metrics is made of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Partial {
    /// Sum of losses over images.
    pub loss: f64,
    /// Images.
    pub images: u64,
}

impl State {
    /// Value of `schema`.
    pub const SCHEMA: &'static str = "ringfence.checkpoint/1";

    /// Before the first step.
    #[must_use]
    pub fn new(net: &NetSpec, settings: &Settings) -> Self {
        Self {
            schema: Self::SCHEMA.into(),
            net: net.clone(),
            settings: settings.clone(),
            epoch: 0,
            step: 0,
            within: 0,
            seconds: 0.0,
            validation: None,
            best: None,
            partial: Partial::default(),
        }
    }

    /// Whether the run of `net` with `settings` may go on from this state, read from `folder`.
    ///
    /// # Errors
    /// Naming what differs.
    pub fn check(&self, folder: &Path, net: &NetSpec, settings: &Settings) -> Result<(), Error> {
        if self.net != *net {
            let reason = "another network or other classes than those asked for";
            return Err(Error::Settings(format!("{}: {reason}: {:?}", folder.display(), self.net)));
        }
        if self.settings != *settings {
            let differences = self.settings.differences(settings);
            return Err(Error::Settings(format!("{}: other settings: {differences}", folder.display())));
        }
        Ok(())
    }
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

/// Hash of what [`load_net`] makes of a checkpoint: of the network's file and its shape.
///
/// # Errors
/// Naming the file.
pub fn fingerprint(checkpoint: &Path, spec: &NetSpec) -> Result<String, Error> {
    let average = checkpoint.join("average.bpk");
    let file = if average.exists() { average } else { checkpoint.join("network.bpk") };
    let mut bytes = fs::read(&file).map_err(Error::file(&file))?;
    serde_json::to_writer(&mut bytes, spec).map_err(Error::json(&file))?;
    Ok(sha256(&bytes))
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

/// The plain network of a checkpoint on `device`, as it is evaluated and exported: its average, where weights are averaged.
///
/// # Errors
/// Naming the file; a network behind a mask.
pub fn load_net(checkpoint: &Path, spec: &NetSpec, device: &Device) -> Result<Network, Error> {
    if let Some(mask) = spec.mask {
        let reason = format!("a network behind a mask ({mask}), where a plain one is expected");
        return Err(Error::Settings(format!("{}: {reason}", checkpoint.display())));
    }
    Ok(load_defence(checkpoint, spec, device)?.net)
}

/// The network and mask of a checkpoint on `device`, as they are evaluated and exported.
///
/// # Errors
/// Naming the file.
pub fn load_defence(checkpoint: &Path, spec: &NetSpec, device: &Device) -> Result<Defence, Error> {
    if checkpoint.join("average.bpk").exists() {
        return load_average(checkpoint, spec, device);
    }
    load_trained(checkpoint, spec, device)
}

/// What the optimiser moves.
///
/// # Errors
/// Naming the file.
pub fn load_trained(checkpoint: &Path, spec: &NetSpec, device: &Device) -> Result<Defence, Error> {
    read(checkpoint, "network", spec, device)
}

/// Its average.
///
/// # Errors
/// Naming the file.
pub fn load_average(checkpoint: &Path, spec: &NetSpec, device: &Device) -> Result<Defence, Error> {
    Ok(read(checkpoint, "average", spec, device)?.valid())
}

/// Reads `NAME.bpk` and, if there is a mask, `NAME-mask.bpk`.
fn read(folder: &Path, name: &str, spec: &NetSpec, device: &Device) -> Result<Defence, Error> {
    let net = load(Network::blank(spec, device), &folder.join(format!("{name}.bpk")))?;
    let file = folder.join(format!("{name}-mask.bpk"));
    let mask = spec.mask.map(|mask| load(Mask::blank(mask, spec.input, device), &file)).transpose()?;
    Ok(Defence { net, mask })
}

/// Loads `file` into `module`. Burn reads a tensor's bytes when they are first needed, but the file may be gone by then: a newer
/// checkpoint removes it.
fn load<M: Module>(module: M, file: &Path) -> Result<M, Error> {
    Ok(module.try_load_file(file).map_err(Error::record(file))?.map(&mut InMemory))
}

/// Replaces each tensor by one whose values are in memory.
struct InMemory;

impl ModuleMapper for InMemory {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|t| {
            let (device, shape, tracked) = (t.device(), t.shape(), t.is_require_grad());
            let values: Vec<f32> = t.into_data().iter::<f32>().collect();
            Tensor::from_data(TensorData::new(values, shape), &device).set_require_grad(tracked)
        })
    }
}

/// The network of the run or checkpoint at `path`, which must be of the shape of `spec`.
///
/// # Errors
/// Naming the file, or both networks.
pub fn load_matching(path: &Path, spec: &NetSpec, device: &Device) -> Result<Network, Error> {
    let (folder, there) = matching(path, spec)?;
    load_net(&folder, &there, device)
}

/// What a run of `spec` begins with that goes on from the run or checkpoint at `path`: its network, and its mask if it has one
/// of that kind, else a new one from `seed`.
///
/// # Errors
/// Naming the file, or both networks.
pub fn load_first(path: &Path, spec: &NetSpec, device: &Device, seed: u64) -> Result<Defence, Error> {
    let (folder, there) = matching(path, spec)?;
    let Defence { net, mask } = load_defence(&folder, &there, device)?;
    let mask = if there.mask == spec.mask { mask } else { Defence::new(spec, device, seed).mask };
    Ok(Defence { net, mask })
}

/// The checkpoint at `path` and its network, which must be of the shape of `spec`.
fn matching(path: &Path, spec: &NetSpec) -> Result<(PathBuf, NetSpec), Error> {
    let folder = resolve(path)?;
    let state = read_state(&folder)?;
    let shape = |s: &NetSpec| (s.architecture, s.input, s.classes.len());
    if shape(&state.net) != shape(spec) {
        let (there, asked) = (state.net.architecture, spec.architecture);
        let reason =
            format!("a {there} of {:?}, where {asked} of {:?} is asked for", state.net.input, spec.input);
        return Err(Error::Settings(format!("{}: {reason}", folder.display())));
    }
    Ok((folder, state.net))
}

/// Loads the optimiser state of a checkpoint.
///
/// # Errors
/// Naming the file.
pub fn load_optimizer(checkpoint: &Path, optimizer: ModuleOptimizer) -> Result<ModuleOptimizer, Error> {
    let file = checkpoint.join("optimizer.bpk");
    optimizer.load(&file).map_err(Error::record(&file))
}
