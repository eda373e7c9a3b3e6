//! The model card: how a network was made and how good it is, as JSON beside the ONNX file.

use crate::error::Error;
use crate::methods::Choice;
use crate::nets::NetSpec;
use crate::quantise::checkpoint::State as QuantisedState;
use crate::train::checkpoint::State;
use crate::train::{Decay, Rule, Score, Settings};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Accuracy on the test images: of the float network, or of the integers if the card says `quantised`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Accuracy {
    /// Test images.
    pub images: usize,
    /// Without noise.
    pub clean: Score,
    /// With one sample of the training noise for each image.
    pub noisy: Score,
}

/// The card.
#[derive(Debug, Serialize)]
pub struct Card<'a> {
    schema: &'static str,
    name: &'a str,
    file: String,
    sha256: String,
    bytes: usize,
    parameters: usize,
    /// Input extents, class names and normalisation.
    #[serde(flatten)]
    net: &'a NetSpec,
    data: String,
    sigma: f32,
    epochs: u32,
    epochs_planned: u32,
    steps: u64,
    train_seconds: f64,
    seed: u64,
    command: String,
    settings: Settings,
    /// On held-out training images, with noise.
    validation_accuracy: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    test: Option<Accuracy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quantised: Option<Quantised>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mask_network: Option<MaskFile>,
    trainer: &'static str,
}

/// The mask network's file.
#[derive(Debug, Serialize)]
struct MaskFile {
    file: String,
    sha256: String,
    bytes: usize,
    parameters: usize,
}

/// How a network was fine-tuned on integers; the other fields of the card are those of the float network.
#[derive(Debug, Serialize)]
struct Quantised {
    epochs: u32,
    steps: u64,
    train_seconds: f64,
    learning_rate: f64,
    momentum: f64,
    weight_decay: f64,
    batch: usize,
    /// On held-out training images, with noise.
    validation_accuracy: Option<f64>,
}

/// A spec without the path on the machine that trained: `cifar10:DIR`, `bg:48:cifar10:DIR`.
fn portable(spec: &str) -> String {
    match spec.split_once(':') {
        Some(("signs-scene", _)) | None => spec.into(),
        Some(("bg", rest)) => match rest.split_once(':') {
            Some((side, inner)) => format!("bg:{side}:{}", portable(inner)),
            None => spec.into(),
        },
        Some((kind, _)) => format!("{kind}:DIR"),
    }
}

/// A run's folder, or one of its checkpoints, without the path on the machine that trained: `runs/NAME/best`.
fn portable_run(path: &Path) -> PathBuf {
    let inside = |name: &OsStr| {
        name == "best" || name == "checkpoints" || name.as_encoded_bytes().starts_with(b"epoch-")
    };
    let names: Vec<&OsStr> = path.iter().collect();
    let run = names.iter().rposition(|name| !inside(name)).unwrap_or(0);
    Path::new("runs").join(names.into_iter().skip(run).collect::<PathBuf>())
}

/// The command that trains this network again.
#[must_use]
pub fn command(net: &NetSpec, settings: &Settings, name: &str) -> String {
    let schedule = &settings.schedule;
    let mut text = format!(
        "ringfence-trainer train --net {} --data {} --sigma {} --epochs {} --lr {} --warmup {}",
        net.architecture,
        portable(&settings.data),
        settings.augmentation.sigma,
        schedule.epochs,
        schedule.rate,
        schedule.warmup,
    );
    // Writing to a String cannot fail.
    if !net.noise.is_none() {
        let _ = write!(text, " --noise {}", net.noise);
    }
    if let Some(mask) = net.mask {
        let _ = write!(text, " --mask {mask}");
        if let Some(split) = mask.split() {
            let _ = write!(text, " --budget-split {split}");
        }
    }
    if let Decay::Step { epochs } = &schedule.decay {
        let epochs: Vec<String> = epochs.iter().map(u32::to_string).collect();
        let _ = write!(text, " --steps {}", epochs.join(","));
    }
    let _ = write!(
        text,
        " --batch {} --momentum {} --weight-decay {} --crop {} --validation {} --seed {} --out runs/{name}",
        settings.batch,
        settings.momentum,
        settings.weight_decay,
        settings.augmentation.crop,
        settings.validation,
        settings.seed,
    );
    if let Some(images) = settings.images {
        let _ = write!(text, " --images {images}");
    }
    if settings.method != Choice::default() {
        let _ = write!(text, " --method {}", settings.method.name);
    }
    let changes = settings.method.changes();
    if !changes.is_empty() {
        let _ = write!(text, " --set {}", changes.join(","));
    }
    if settings.rule == Rule::Adam {
        text.push_str(" --adam");
    }
    for (option, value) in [("--clip", settings.clip), ("--average", settings.average)] {
        if let Some(value) = value {
            let _ = write!(text, " {option} {value}");
        }
    }
    for (option, run) in [("--from", &settings.from), ("--teacher", &settings.teacher)] {
        if let Some(run) = run {
            let _ = write!(text, " {option} {}", portable_run(run).display());
        }
    }
    text
}

/// Lowercase hexadecimal SHA-256.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl<'a> Card<'a> {
    /// The card of the ONNX file `onnx`, called `name`.
    #[must_use]
    pub fn new(
        name: &'a str,
        onnx: &[u8],
        state: &'a State,
        parameters: usize,
        test: Option<Accuracy>,
    ) -> Self {
        let settings = &state.settings;
        let data = portable(&settings.data);
        let [from, teacher] = [&settings.from, &settings.teacher].map(|run| run.as_deref().map(portable_run));
        Self {
            schema: "ringfence.card/1",
            name,
            file: format!("{name}.onnx"),
            sha256: sha256(onnx),
            bytes: onnx.len(),
            parameters,
            net: &state.net,
            data: data.clone(),
            sigma: settings.augmentation.sigma,
            epochs: state.epoch,
            epochs_planned: settings.schedule.epochs,
            steps: state.step,
            train_seconds: state.seconds.round(),
            seed: settings.seed,
            command: command(&state.net, settings, name),
            settings: Settings { data, from, teacher, ..settings.clone() },
            validation_accuracy: state.validation,
            test,
            quantised: None,
            mask_network: None,
            trainer: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The card with the file `onnx` of the mask network, called `NAME-mask.onnx`.
    #[must_use]
    pub fn with_mask(mut self, name: &str, onnx: &[u8], parameters: usize) -> Self {
        let file = format!("{name}-mask.onnx");
        self.mask_network = Some(MaskFile { file, sha256: sha256(onnx), bytes: onnx.len(), parameters });
        self
    }

    /// The card of the same network after `quantise`.
    #[must_use]
    pub fn quantised(mut self, state: &QuantisedState) -> Self {
        let settings = &state.settings;
        self.quantised = Some(Quantised {
            epochs: state.epoch,
            steps: state.step,
            train_seconds: state.seconds.round(),
            learning_rate: settings.schedule.rate,
            momentum: settings.momentum,
            weight_decay: settings.weight_decay,
            batch: settings.batch,
            validation_accuracy: state.validation,
        });
        self
    }

    /// Writes the card, through a scratch file and a rename.
    ///
    /// # Errors
    /// Naming the file.
    pub fn write(&self, path: &Path) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(self).map_err(Error::json(path))?;
        write_whole(path, (text + "\n").as_bytes())
    }
}

/// Writes a file so that it is either whole or not there: scratch file, then rename.
///
/// # Errors
/// Naming the file.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut scratch = path.as_os_str().to_owned();
    scratch.push(".new");
    let scratch = Path::new(&scratch);
    fs::write(scratch, bytes).map_err(Error::file(scratch))?;
    fs::rename(scratch, path).map_err(Error::file(path))
}

#[cfg(test)]
mod tests {
    use super::{portable, portable_run};
    use std::path::Path;

    #[test]
    fn data_sets_are_named_without_the_path_of_a_machine() {
        for (spec, expected) in [
            ("signs", "signs"),
            ("signs-scene:64", "signs-scene:64"),
            ("cifar10:/home/me/c10", "cifar10:DIR"),
            ("bg:48:cifar10:/home/me/c10", "bg:48:cifar10:DIR"),
            ("bg:64:signs", "bg:64:signs"),
        ] {
            assert_eq!(portable(spec), expected, "{spec}");
        }
    }

    #[test]
    fn runs_are_named_without_the_path_of_a_machine() {
        for (path, expected) in [
            ("/home/me/runs/c10", "runs/c10"),
            ("/home/me/runs/c10/best", "runs/c10/best"),
            ("/scratch/c10/checkpoints/epoch-00030", "runs/c10/checkpoints/epoch-00030"),
            ("c10", "runs/c10"),
        ] {
            assert_eq!(portable_run(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
