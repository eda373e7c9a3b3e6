//! Writing checkpoints: whole or not at all.

use super::{State, folder, list};
use crate::error::Error;
use crate::nets::Defence;
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use std::fs;
use std::path::{Path, PathBuf};

/// Checkpoints kept.
const KEEP: usize = 2;

/// The tensors of a checkpoint.
#[derive(Clone, Copy)]
#[allow(missing_debug_implementations)] // Burn's optimiser has none
pub struct Tensors<'a> {
    /// The network and its mask, on an autodiff device.
    pub net: &'a Defence,
    /// The optimiser's state.
    pub optimizer: &'a ModuleOptimizer,
    /// Their average.
    pub average: Option<&'a Defence>,
}

/// Writes a checkpoint and removes all but the newest two; a new best one is also copied to `OUT/best`. Returns its folder.
///
/// # Errors
/// Naming the file; the earlier checkpoints are then untouched.
pub fn save(out: &Path, state: &State, tensors: Tensors) -> Result<PathBuf, Error> {
    let root = folder(out);
    let between = state.within == 0;
    if between && state.best.is_some_and(|best| best.epoch == state.epoch) {
        put(&root.join("unfinished"), &out.join("best"), state, |folder| write_all(folder, tensors))?;
    }
    let name = if between {
        format!("epoch-{:05}", state.epoch)
    } else {
        format!("epoch-{:05}-step-{:08}", state.epoch, state.step)
    };
    let target = root.join(name);
    put(&root.join("unfinished"), &target, state, |folder| write_all(folder, tensors))?;
    let all = list(out)?;
    for old in &all[..all.len().saturating_sub(KEEP)] {
        fs::remove_dir_all(old).map_err(Error::file(old))?;
    }
    Ok(target)
}

/// Writes a checkpoint of a network alone, without an optimiser that training could go on with, as the folder `out`.
///
/// # Errors
/// A folder that is already there; else naming the file.
pub fn save_net(out: &Path, state: &State, defence: &Defence) -> Result<(), Error> {
    if out.exists() {
        let reason = "is already there: choose another folder";
        return Err(Error::Settings(format!("{}: {reason}", out.display())));
    }
    let mut scratch = out.as_os_str().to_owned();
    scratch.push(".unfinished");
    put(Path::new(&scratch), out, state, |folder| write(folder, "network", defence.clone()))
}

/// The network, the optimiser and the average.
fn write_all(folder: &Path, tensors: Tensors) -> Result<(), Error> {
    // `valid` also settles the running statistics, whose last update would otherwise be left out.
    write(folder, "network", tensors.net.valid())?;
    let file = folder.join("optimizer.bpk");
    tensors.optimizer.save(&file).map_err(Error::record(&file))?;
    tensors.average.map_or(Ok(()), |average| write(folder, "average", average.clone()))
}

/// Writes a checkpoint of `state` and the files of `write` to `scratch` and renames it to `target`.
fn put(
    scratch: &Path,
    target: &Path,
    state: &State,
    write: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    if scratch.exists() {
        fs::remove_dir_all(scratch).map_err(Error::file(scratch))?;
    }
    fs::create_dir_all(scratch).map_err(Error::file(scratch))?;
    write(scratch)?;
    let file = scratch.join("state.json");
    let text = serde_json::to_string_pretty(state).map_err(Error::json(&file))?;
    fs::write(&file, text + "\n").map_err(Error::file(&file))?;
    for entry in fs::read_dir(scratch).map_err(Error::file(scratch))? {
        let file = entry.map_err(Error::file(scratch))?.path();
        fs::File::open(&file).and_then(|f| f.sync_all()).map_err(Error::file(&file))?;
    }
    if target.exists() {
        fs::remove_dir_all(target).map_err(Error::file(target))?;
    }
    fs::rename(scratch, target).map_err(Error::file(target))
}

/// Writes `NAME.bpk` and, if there is a mask, `NAME-mask.bpk`.
fn write(folder: &Path, name: &str, defence: Defence) -> Result<(), Error> {
    let file = folder.join(format!("{name}.bpk"));
    defence.net.save_file(&file).map_err(Error::record(&file))?;
    if let Some(mask) = defence.mask {
        let file = folder.join(format!("{name}-mask.bpk"));
        mask.save_file(&file).map_err(Error::record(&file))?;
    }
    Ok(())
}
