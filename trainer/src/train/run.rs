//! The training loop.

use super::checkpoint::{self, Best, State, Tensors};
use super::evaluate::{Score, evaluate, to_device};
use super::metrics::{Metric, Metrics};
use super::robust::robust_accuracy;
use super::settings::Settings;
use super::step::{Learner, NotFinite};
use super::view::View;
use crate::attacks::NetTarget;
use crate::data::{Images, epoch_order};
use crate::error::Error;
use crate::methods::Batch;
use crate::nets::{Defence, NetSpec, Path};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Further devices that share each batch with it.
    pub shards: &'a [Device],
    /// How the network is computed there.
    pub path: Path,
    /// Whether to draw a progress bar on stderr.
    pub progress: bool,
    /// Steps between two checkpoints, beside those after each epoch.
    pub every: Option<u64>,
    /// Set from outside to end the run after the step that is being made.
    pub stop: &'a AtomicBool,
}

/// What nobody sets.
static NEVER: AtomicBool = AtomicBool::new(false);

impl<'a> Place<'a> {
    /// One device, no progress bar, checkpoints after epochs only, nothing that stops it.
    #[must_use]
    pub fn new(out: &'a FilePath, device: &'a Device, path: Path) -> Self {
        Self { out, device, shards: &[], path, progress: false, every: None, stop: &NEVER }
    }
}

/// Images to fit and images to watch.
#[derive(Debug, Clone, Copy)]
pub struct Split<'a> {
    /// Fitted.
    pub train: &'a Images,
    /// Held out; may be empty.
    pub validation: &'a Images,
}

/// A run in progress.
struct Run<'a> {
    learner: Learner,
    state: State,
    split: Split<'a>,
    place: Place<'a>,
    metrics: Metrics,
    view: View,
    clock: Instant,
}

/// Trains from scratch, or on from the newest checkpoint in `place.out` with `resume`; stops after
/// `until` epochs if given (the schedule is not shortened), or when `place.stop` is set. Returns the last state, which a
/// checkpoint holds.
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
    settings.check_mask(net)?;
    if settings.method.objective().mask().is_some_and(|needs| needs.supervised) && !split.train.are_located()
    {
        let reason = "--set supervision: the training images were read without where their objects are";
        return Err(Error::Settings(reason.into()));
    }
    std::fs::create_dir_all(place.out).map_err(Error::file(place.out))?;
    let (learner, state) = start(net, settings, place, resume)?;
    let per_epoch = split.train.len().div_ceil(settings.batch) as u64;
    let last = until.unwrap_or(settings.schedule.epochs).min(settings.schedule.epochs);
    let metrics = Metrics::open(place.out, state.step)?;
    let view = View::new(place.progress, u64::from(last) * per_epoch, state.step);
    let mut run = Run { learner, state, split, place, metrics, view, clock: Instant::now() };
    while run.state.epoch < last {
        if !run.epoch(per_epoch)? {
            break;
        }
    }
    run.view.finish();
    Ok(run.state)
}

fn start(net: &NetSpec, settings: &Settings, place: Place, resume: bool) -> Result<(Learner, State), Error> {
    let device = place.device.clone().autodiff();
    let newest = checkpoint::list(place.out)?.pop();
    let optimizer = settings.optimizer();
    let load = |run: &FilePath| checkpoint::load_matching(run, net, place.device);
    let teacher = settings.teacher.as_deref().map(load).transpose()?;
    match (newest, resume) {
        (Some(folder), false) => Err(Error::Settings(format!(
            "{}: a checkpoint is already there: add --resume, or choose another --out",
            folder.display()
        ))),
        (None, _) => {
            let state = State::new(net, settings);
            let first = match &settings.from {
                None => Defence::new(net, &device, settings.seed),
                Some(run) => checkpoint::load_first(run, net, place.device, settings.seed)?.train(),
            };
            let average = settings.average.map(|_| first.valid());
            let learner = Learner { net: first, optimizer, average, teacher };
            checkpoint::save(place.out, &state, tensors(&learner))?;
            Ok((learner, state))
        }
        (Some(folder), true) => {
            let state = checkpoint::read_state(&folder)?;
            state.check(&folder, net, settings)?;
            let average =
                settings.average.map(|_| checkpoint::load_average(&folder, net, place.device)).transpose()?;
            let net = checkpoint::load_trained(&folder, net, &device)?;
            let optimizer = checkpoint::load_optimizer(&folder, optimizer)?;
            Ok((Learner { net, optimizer, average, teacher }, state))
        }
    }
}

fn tensors(learner: &Learner) -> Tensors<'_> {
    Tensors { net: &learner.net, optimizer: &learner.optimizer, average: learner.average.as_ref() }
}

impl Run<'_> {
    /// Finishes the epoch that the state is in; false if it was stopped before.
    fn epoch(&mut self, per_epoch: u64) -> Result<bool, Error> {
        let settings = self.state.settings.clone();
        let epoch = self.state.epoch;
        let order = epoch_order(self.split.train.len() as u32, epoch, settings.seed);
        self.clock = Instant::now();
        let mut reported = (Instant::now(), 0usize);
        for indices in order.chunks(settings.batch).skip(self.state.within as usize) {
            self.step(indices, per_epoch)?;
            reported.1 += indices.len();
            let step = self.state.step;
            if step.is_multiple_of(REPORT) || step.is_multiple_of(per_epoch) {
                let speed = reported.1 as f64 / reported.0.elapsed().as_secs_f64();
                self.report(speed, settings.schedule.at(step - 1, per_epoch))?;
                reported = (Instant::now(), 0);
            }
            let stopped = self.place.stop.load(Ordering::Relaxed);
            let due = self.place.every.is_some_and(|every| step.is_multiple_of(every));
            if (stopped || due) && !step.is_multiple_of(per_epoch) {
                self.save()?;
                if stopped {
                    return Ok(false);
                }
            }
        }
        self.state.epoch = epoch + 1;
        self.state.within = 0;
        self.validate()?;
        self.save()?;
        Ok(!self.place.stop.load(Ordering::Relaxed))
    }

    fn step(&mut self, indices: &[u32], per_epoch: u64) -> Result<(), Error> {
        let State { net: spec, settings, epoch, step, .. } = &self.state;
        let (epoch, step) = (*epoch, *step);
        let data = self.split.train.training(indices, &settings.data(), epoch, settings.seed);
        let [_, height, width] = spec.input;
        let objects = (!data.objects.is_empty()).then(|| {
            let planes = TensorData::new(data.objects, [indices.len(), 1, height, width]);
            Tensor::from_data(planes, self.place.device)
        });
        let (images, labels) = to_device(data.pixels, data.labels, spec, self.place.device);
        let batch = Batch {
            images,
            labels,
            ids: indices.to_vec(),
            epoch,
            progress: step as f64 / per_epoch as f64,
            seed: settings.seed,
            sigma: settings.augmentation.sigma,
            objects,
        };
        let rate = settings.schedule.at(step, per_epoch);
        let loss = self
            .learner
            .step(&batch, (spec, settings), self.place, (step, rate))
            .map_err(|NotFinite(loss)| self.diverged(loss))?;
        self.state.step += 1;
        self.state.within += 1;
        self.state.partial.loss += loss * indices.len() as f64;
        self.state.partial.images += indices.len() as u64;
        self.view.at(self.state.step);
        Ok(())
    }

    fn report(&mut self, speed: f64, rate: f64) -> Result<(), Error> {
        let partial = std::mem::take(&mut self.state.partial);
        let loss = partial.loss / partial.images.max(1) as f64;
        let metric = Metric::Train { step: self.state.step, epoch: self.state.epoch, rate, loss, speed };
        self.view.show(&metric);
        self.metrics.write(&metric)
    }

    /// Scores the held-out images, if there are any, and remembers whether this is the best epoch.
    fn validate(&mut self) -> Result<(), Error> {
        self.state.seconds += self.clock.elapsed().as_secs_f64();
        self.clock = Instant::now();
        self.state.validation = None;
        if self.split.validation.is_empty() {
            return Ok(());
        }
        let State { net: spec, settings, .. } = &self.state;
        let (seed, path) = (settings.seed, self.place.path);
        let net = self.learner.average.clone().unwrap_or_else(|| self.learner.net.valid());
        let how = (settings.augmentation.sigma, path);
        let images = self.split.validation;
        let Score { accuracy, loss } = evaluate(&net, spec, images, how, seed, self.place.device);
        let target = NetTarget { net: &net.net, spec, path, seed, sigma: 0.0, deployed: None };
        let attack = settings.method.objective().attack();
        let robust = attack.map(|attack| robust_accuracy(&target, images, &attack, self.place.device));
        let (step, epoch, seconds) = (self.state.step, self.state.epoch, self.state.seconds);
        self.state.validation = Some(accuracy);
        let score = robust.unwrap_or(accuracy);
        if self.state.best.is_none_or(|best| score > best.score) {
            self.state.best = Some(Best { epoch, score });
        }
        let metric = Metric::Validation { step, epoch, accuracy, loss, robust, seconds };
        self.view.show(&metric);
        self.metrics.write(&metric)
    }

    fn save(&mut self) -> Result<(), Error> {
        self.state.seconds += self.clock.elapsed().as_secs_f64();
        self.clock = Instant::now();
        checkpoint::save(self.place.out, &self.state, tensors(&self.learner))?;
        Ok(())
    }

    fn diverged(&self, loss: f32) -> Error {
        let newest = checkpoint::list(self.place.out).ok().and_then(|mut l| l.pop());
        let checkpoint = newest.map_or_else(|| "none".into(), |p| p.display().to_string());
        Error::Diverged { loss, step: self.state.step, epoch: self.state.epoch, checkpoint }
    }
}
