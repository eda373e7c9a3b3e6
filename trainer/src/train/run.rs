//! The training loop.

use super::checkpoint::{self, State};
use super::evaluate::{Score, evaluate, to_device};
use super::metrics::{Metric, Metrics};
use super::settings::Settings;
use crate::data::{Images, epoch_order};
use crate::error::Error;
use crate::nets::{Draw, NetSpec, Network, Pass, Path};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path as FilePath;
use std::time::Instant;

/// Steps between two lines of training metrics.
const REPORT: u64 = 50;

/// Where and on what a run happens.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// Folder of checkpoints and metrics.
    pub out: &'a FilePath,
    /// Device, without autodiff.
    pub device: &'a Device,
    /// How the network is computed there.
    pub path: Path,
    /// Whether to draw a progress bar on stderr.
    pub progress: bool,
}

/// Images to fit and images to watch.
#[derive(Debug, Clone, Copy)]
pub struct Split<'a> {
    /// Fitted.
    pub train: &'a Images,
    /// Held out; may be empty.
    pub validation: &'a Images,
}

struct Progress {
    net: Network,
    optimizer: ModuleOptimizer,
    state: State,
}

/// Trains from scratch, or on from the newest checkpoint in `place.out` with `resume`; stops after
/// `until` epochs if given (the schedule is not shortened). Returns the last state.
///
/// # Errors
/// [`Error::Diverged`], a file at fault, or a checkpoint of different settings.
pub fn train(
    net: &NetSpec,
    settings: &Settings,
    split: Split,
    place: Place,
    resume: bool,
    until: Option<u32>,
) -> Result<State, Error> {
    std::fs::create_dir_all(place.out).map_err(Error::file(place.out))?;
    let mut run = start(net, settings, place, resume)?;
    let mut metrics = Metrics::open(place.out, run.state.step)?;
    let per_epoch = split.train.len().div_ceil(settings.batch) as u64;
    let last = until.unwrap_or(settings.schedule.epochs).min(settings.schedule.epochs);
    let bar = progress_bar(place.progress, u64::from(last) * per_epoch, run.state.step);
    for epoch in run.state.epoch..last {
        let clock = Instant::now();
        run = one_epoch(run, epoch, split.train, place, &mut metrics, &bar)?;
        run.state.epoch = epoch + 1;
        run.state.seconds += clock.elapsed().as_secs_f64();
        run.state.validation = None;
        if !split.validation.is_empty() {
            let how = (settings.augmentation.sigma, place.path);
            let Score { accuracy, loss } =
                evaluate(&run.net.valid(), net, split.validation, how, settings.seed, place.device);
            run.state.validation = Some(accuracy);
            let (step, epoch, seconds) = (run.state.step, run.state.epoch, run.state.seconds);
            metrics.write(&Metric::Validation { step, epoch, accuracy, loss, seconds })?;
        }
        checkpoint::save(place.out, &run.state, &run.net, &run.optimizer)?;
    }
    bar.finish_and_clear();
    Ok(run.state)
}

fn start(net: &NetSpec, settings: &Settings, place: Place, resume: bool) -> Result<Progress, Error> {
    let device = place.device.clone().autodiff();
    let newest = checkpoint::list(place.out)?.pop();
    let optimizer = settings.optimizer();
    match (newest, resume) {
        (Some(folder), false) => Err(Error::Settings(format!(
            "{}: a checkpoint is already there: add --resume, or choose another --out",
            folder.display()
        ))),
        (None, _) => {
            let state = State {
                schema: State::SCHEMA.into(),
                net: net.clone(),
                settings: settings.clone(),
                epoch: 0,
                step: 0,
                seconds: 0.0,
                validation: None,
            };
            let net = Network::new(net, &device, settings.seed);
            checkpoint::save(place.out, &state, &net, &optimizer)?;
            Ok(Progress { net, optimizer, state })
        }
        (Some(folder), true) => {
            let state = checkpoint::read_state(&folder)?;
            if state.net != *net {
                let reason = "another network or other classes than those asked for";
                return Err(Error::Settings(format!("{}: {reason}: {:?}", folder.display(), state.net)));
            }
            if state.settings != *settings {
                let differences = state.settings.differences(settings);
                return Err(Error::Settings(format!("{}: other settings: {differences}", folder.display())));
            }
            let net = checkpoint::load_net(&folder, net, &device)?;
            Ok(Progress { net, optimizer: checkpoint::load_optimizer(&folder, optimizer)?, state })
        }
    }
}

fn one_epoch(
    mut run: Progress,
    epoch: u32,
    images: &Images,
    place: Place,
    metrics: &mut Metrics,
    bar: &ProgressBar,
) -> Result<Progress, Error> {
    let settings = run.state.settings.clone();
    let device = place.device.clone().autodiff();
    let entropy = CrossEntropyLossConfig::new().init(&device);
    let order = epoch_order(images.len() as u32, epoch, settings.seed);
    let per_epoch = order.len().div_ceil(settings.batch) as u64;
    let (mut losses, mut seen, mut clock) = (0.0f64, 0usize, Instant::now());
    for indices in order.chunks(settings.batch) {
        let batch = images.training(indices, &settings.augmentation, epoch, settings.seed);
        let (x, y) = to_device(batch.pixels, batch.labels, &run.state.net, &device);
        let draw = Some(Draw { seed: settings.seed, index: run.state.step });
        let pass = Pass { path: place.path, draw };
        let loss = entropy.forward(run.net.forward(&run.state.net, x, pass), y);
        let value = loss.clone().into_scalar::<f32>();
        if !value.is_finite() {
            return Err(diverged(place, value, run.state.step, epoch));
        }
        let grads = GradientsParams::from_grads(loss.backward(), &run.net);
        let rate = settings.schedule.at(run.state.step, per_epoch);
        run.net = run.optimizer.step(rate, run.net, grads);
        run.state.step += 1;
        losses += f64::from(value) * indices.len() as f64;
        seen += indices.len();
        bar.set_position(run.state.step);
        if run.state.step.is_multiple_of(REPORT) || run.state.step.is_multiple_of(per_epoch) {
            let (loss, speed) = (losses / seen as f64, seen as f64 / clock.elapsed().as_secs_f64());
            bar.set_message(format!("epoch {epoch} loss {loss:.3} {speed:.0} img/s"));
            metrics.write(&Metric::Train { step: run.state.step, epoch, rate, loss, speed })?;
            (losses, seen, clock) = (0.0, 0, Instant::now());
        }
    }
    Ok(run)
}

fn diverged(place: Place, loss: f32, step: u64, epoch: u32) -> Error {
    let newest = checkpoint::list(place.out).ok().and_then(|mut l| l.pop());
    let checkpoint = newest.map_or_else(|| "none".into(), |p| p.display().to_string());
    Error::Diverged { loss, step, epoch, checkpoint }
}

fn progress_bar(shown: bool, steps: u64, done: u64) -> ProgressBar {
    if !shown {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(steps).with_position(done);
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg} {elapsed} ETA {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.reset_eta();
    bar
}
