//! From options and presets to settings: what the command line gives, else what the preset gives, else the usual value.

use crate::data::Augmentation;
use crate::error::Error;
use crate::methods::{Choice, Preset, entry, preset};
use crate::nets::{Architecture, MaskSpec};
use crate::noise::NoiseSpec;
use crate::train::{Decay, Rule, Schedule, Settings};
use std::path::PathBuf;

/// Options that determine a run's weights.
#[derive(Debug, Default, clap::Args)]
pub struct Options {
    /// Published recipe; options given beside it take precedence
    #[arg(long)]
    preset: Option<String>,
    /// Network
    #[arg(long, long_help = format!("Network: {}", Architecture::names()))]
    net: Option<Architecture>,
    /// Noise inside the network: none, or parts joined by + from input:SIGMA, pni-input, pni-w-GRAIN or cni-w,
    /// pni-a-in-GRAIN and pni-a-out-GRAIN, with GRAIN layer, channel or element [usual: what the method is about]
    #[arg(long)]
    noise: Option<NoiseSpec>,
    /// What weights the pixels in adaptive smoothing: unet:BASE (channels at full size) or static [usual: what belongs to
    /// the method]
    #[arg(long)]
    mask: Option<MaskSpec>,
    /// Share of the first step in the budget of noise, with a mask network [usual: 0.5]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    budget_split: Option<f64>,
    /// Training method
    #[arg(long)]
    method: Option<String>,
    /// Numbers of the method, as key=value with commas
    #[arg(long, value_delimiter = ',', value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Deviation of the noise on the pixel range [0, 1] that the classifier will be smoothed with
    #[arg(long, allow_negative_numbers = true)]
    sigma: Option<f32>,
    /// Passes over the training images
    #[arg(long)]
    epochs: Option<u32>,
    /// Full learning rate [usual: 0.1]
    #[arg(long, allow_negative_numbers = true)]
    lr: Option<f64>,
    /// Epochs of linear warm-up [usual: 1]
    #[arg(long, allow_negative_numbers = true)]
    warmup: Option<f64>,
    /// Divide the rate by ten at these epochs, instead of the cosine
    #[arg(long, value_delimiter = ',', value_name = "EPOCHS")]
    steps: Vec<u32>,
    /// Images of a step [usual: 128]
    #[arg(long)]
    batch: Option<usize>,
    /// Nesterov momentum [usual: 0.9]
    #[arg(long, allow_negative_numbers = true)]
    momentum: Option<f64>,
    /// Use Adam instead of SGD
    #[arg(long)]
    adam: bool,
    /// Weight decay [usual: 5e-4]
    #[arg(long, allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Shorten the gradient to this Euclidean norm
    #[arg(long, allow_negative_numbers = true)]
    clip: Option<f64>,
    /// Evaluate and export the running average of the weights with this decay, such as 0.999
    #[arg(long, allow_negative_numbers = true)]
    average: Option<f64>,
    /// Begin with the weights of this run or checkpoint
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
    /// Run or checkpoint of the network that guides the method
    #[arg(long, value_name = "RUN")]
    teacher: Option<PathBuf>,
    /// Zero border of the random crop, in pixels
    #[arg(long, default_value_t = 4)]
    crop: usize,
    /// Fit only the first so many training images [usual: all that are not held out]
    #[arg(long)]
    images: Option<usize>,
    /// Training images held out for validation (the last ones)
    #[arg(long, default_value_t = 1000)]
    validation: usize,
    /// Seed of weights, order, crops, noise and attacks
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Options {
    /// The noise inside the network: what is asked for, else what belongs to the method.
    ///
    /// # Errors
    /// Unknown names, listing the known ones.
    pub fn noise(&self) -> Result<NoiseSpec, Error> {
        if let Some(noise) = &self.noise {
            return Ok(noise.clone());
        }
        let preset = self.preset.as_deref().map(preset).transpose()?;
        match self
            .method
            .as_deref()
            .or(preset.map(|p| p.method))
            .map(entry)
            .transpose()?
            .and_then(|e| e.noise)
        {
            Some(text) => text.parse().map_err(|e| Error::Settings(format!("--noise {text}: {e}"))),
            None => Ok(NoiseSpec::default()),
        }
    }
}

impl Options {
    /// The mask: what is asked for, else what belongs to the method.
    ///
    /// # Errors
    /// A share of the budget that is out of range or for nothing.
    pub fn mask(&self, method: &Choice) -> Result<Option<MaskSpec>, Error> {
        let usual = method.objective().mask().and_then(|needs| needs.usual.parse().ok());
        match (self.mask.or(usual), self.budget_split) {
            (Some(mask), Some(split)) => mask.with_split(split).map(Some),
            (None, Some(split)) => {
                let reason = format!("--method {} has no mask network", method.name);
                Err(Error::Settings(format!("--budget-split {split}: {reason}")))
            }
            (mask, None) => Ok(mask),
        }
    }
}

fn missing(option: &str) -> Error {
    Error::Settings(format!("{option} is needed, or a --preset that has it"))
}

/// The network and settings that the options ask for; the data set then says whether to flip.
///
/// # Errors
/// Unknown names, listing the known ones; options that are missing.
pub fn settings(options: &Options, data: &str) -> Result<(Architecture, Settings), Error> {
    let preset = options.preset.as_deref().map(preset).transpose()?;
    let net = match (options.net, preset) {
        (Some(net), _) => net,
        (None, Some(p)) => p.net.parse().map_err(|e| Error::Settings(format!("--preset {}: {e}", p.name)))?,
        (None, None) => return Err(missing("--net")),
    };
    let method = method(options, preset)?;
    if entry(&method.name)?.fine_tunes && options.from.is_none() {
        let reason = "goes on from a trained network: add --from RUN";
        return Err(Error::Settings(format!("--method {}: {reason}", method.name)));
    }
    let epochs = options.epochs.or(preset.map(|p| p.epochs)).ok_or_else(|| missing("--epochs"))?;
    // A shortened recipe keeps the places of its steps in proportion.
    let steps = match preset.filter(|_| options.steps.is_empty()) {
        Some(p) => p.steps.iter().map(|&s| s * epochs / p.epochs.max(1)).collect(),
        None => options.steps.clone(),
    };
    let decay = if steps.is_empty() { Decay::Cosine } else { Decay::Step { epochs: steps } };
    let usual = Settings::usual(data, epochs);
    let settings = Settings {
        validation: options.validation,
        images: options.images,
        augmentation: Augmentation {
            crop: options.crop,
            flip: false,
            sigma: sigma(options, preset, &method)?,
        },
        batch: options.batch.or(preset.map(|p| p.batch)).unwrap_or(usual.batch),
        schedule: Schedule {
            rate: options.lr.or(preset.map(|p| p.rate)).unwrap_or(usual.schedule.rate),
            warmup: options.warmup.unwrap_or(usual.schedule.warmup),
            epochs,
            decay,
        },
        momentum: options.momentum.unwrap_or(usual.momentum),
        weight_decay: options.weight_decay.or(preset.map(|p| p.decay)).unwrap_or(usual.weight_decay),
        seed: options.seed,
        method,
        rule: if options.adam { Rule::Adam } else { Rule::Sgd },
        clip: options.clip.or(preset.and_then(|p| p.clip)),
        average: options.average,
        from: options.from.clone(),
        teacher: options.teacher.clone(),
        ..usual
    };
    Ok((net, settings))
}

fn method(options: &Options, preset: Option<&Preset>) -> Result<Choice, Error> {
    let name = options.method.as_deref().or(preset.map(|p| p.method)).unwrap_or("gaussian");
    // A preset's numbers belong to its method.
    let theirs = preset.filter(|p| p.method == name).map_or(&[][..], |p| p.set);
    let changes: Vec<String> =
        theirs.iter().map(|s| (*s).into()).chain(options.set.iter().cloned()).collect();
    Choice::new(name, &changes)
}

fn sigma(options: &Options, preset: Option<&Preset>, method: &Choice) -> Result<f32, Error> {
    match options.sigma.or(preset.map(|p| p.sigma)) {
        Some(sigma) => Ok(sigma),
        None if method.objective().smooths() => Err(missing("--sigma")),
        None => Ok(0.0),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::methods::{METHODS, Method, PRESETS};

    fn options(preset: &str) -> Options {
        Options { preset: Some(preset.into()), validation: 10, seed: 1, crop: 4, ..Options::default() }
    }

    #[test]
    fn a_preset_gives_what_the_options_leave_open() {
        let (net, s) = settings(&options("consistency-s025"), "signs").unwrap();
        assert_eq!((net, s.batch, s.schedule.epochs), (Architecture::ResNet110, 256, 150));
        assert_eq!(s.schedule.decay, Decay::Step { epochs: vec![50, 100] });
        assert!(matches!(s.method.method, Method::Consistency(ref c) if c.lambda == 20.0 && c.copies == 2));
        let mine = Options {
            net: Some(Architecture::ResNet8),
            epochs: Some(30),
            set: vec!["lambda=5".into()],
            ..options("consistency-s025")
        };
        let (net, s) = settings(&mine, "signs").unwrap();
        assert_eq!((net, s.schedule.epochs), (Architecture::ResNet8, 30));
        assert_eq!(s.schedule.decay, Decay::Step { epochs: vec![10, 20] });
        assert!(matches!(s.method.method, Method::Consistency(ref c) if c.lambda == 5.0));
    }

    #[test]
    fn every_preset_makes_settings_that_pass() {
        for p in PRESETS {
            let from = Some(PathBuf::from("run"));
            let o = Options { teacher: from.clone(), from, ..options(p.name) };
            settings(&o, "signs").unwrap().1.check().unwrap();
            assert_eq!(o.noise().unwrap().is_none(), entry(p.method).unwrap().noise.is_none(), "{}", p.name);
        }
    }

    #[test]
    fn what_is_unknown_or_missing_is_named() {
        let error = |o: Options| settings(&o, "signs").unwrap_err().to_string();
        assert!(error(options("x")).contains("cohen-s025"));
        let net = Some(Architecture::ResNet8);
        let with = |method: &str| Options {
            net,
            epochs: Some(1),
            method: Some(method.into()),
            ..Options::default()
        };
        let unknown = error(with("x"));
        for e in METHODS {
            assert!(unknown.contains(e.name), "{unknown}");
        }
        assert!(error(with("gaussian")).contains("--sigma"));
        assert!(error(with("epgd")).contains("--from"));
        assert!(error(Options { set: vec!["bet=1".into()], ..with("trades") }).contains("beta"));
        assert!(error(Options { set: vec!["beta=x".into()], ..with("trades") }).contains("beta=x"));
        assert!(error(Options { set: vec!["beta=-1".into()], ..with("trades") }).contains("expected 0"));
        assert!(error(Options { set: vec!["beta".into()], ..with("trades") }).contains("key=value"));
        assert!(error(Options { epochs: None, ..with("plain") }).contains("--epochs"));
        assert!(error(Options::default()).contains("--net"));
        let teacherless = settings(&Options { sigma: Some(0.5), ..with("cat-rs") }, "signs").unwrap().1;
        assert!(teacherless.check().unwrap_err().to_string().contains("--teacher"));
    }

    #[test]
    fn fractions_are_numbers() {
        let o = Options {
            net: Some(Architecture::ResNet8),
            epochs: Some(1),
            method: Some("madry".into()),
            set: vec!["epsilon=4/255".into(), "norm=l2".into(), "craft=evaluation".into()],
            ..Options::default()
        };
        let attack = settings(&o, "signs").unwrap().1.method.objective().attack().unwrap();
        assert!((attack.epsilon - 4.0 / 255.0).abs() < 1e-12);
        assert_eq!(attack.norm, crate::attacks::Norm::L2);
    }
}
