//! The fine-tuning loop.

use super::checkpoint::{self, State};
use super::fold::Folded;
use super::integer::IntegerNet;
use super::levels::Levels;
use super::round::{Rounded, round};
use super::{export, twin};
use crate::data::{Images, epoch_order};
use crate::error::Error;
use crate::nets::NetSpec;
use crate::train::checkpoint::State as FloatState;
use crate::train::{Metric, Metrics, Place, Score, Settings, Split, View, to_device};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor, TensorData};
use std::time::Instant;

/// Images evaluated at a time.
const BATCH: usize = 512;

/// Steps between two lines of metrics.
const REPORT: u64 = 20;

/// What a fine-tuning starts from.
#[derive(Debug, Clone)]
pub struct Start {
    /// The float run's state.
    pub float: FloatState,
    /// Its network, folded, not on an autodiff device.
    pub net: Folded,
    /// Levels of all activations.
    pub levels: Vec<Levels>,
}

struct Run {
    net: Folded,
    optimizer: ModuleOptimizer,
    state: State,
}

/// Rounds and compiles `net`, which is not on an autodiff device.
fn integers(net: &Folded, levels: &[Levels], spec: &NetSpec) -> Result<(Vec<Rounded>, IntegerNet), Error> {
    let layers = round(net, levels)?;
    let integer = IntegerNet::new(&export::to_onnx(&layers, levels, spec, "")?)?;
    Ok((layers, integer))
}

/// Fine-tunes; the checkpoint in `place.out` is that of the newest epoch, before the first one the network as it came.
///
/// # Errors
/// A checkpoint that is already there, [`Error::Diverged`], a file at fault, or numbers that have left what the integer
/// model can hold.
pub fn fine_tune(start: Start, settings: &Settings, split: Split, place: Place) -> Result<State, Error> {
    if checkpoint::is_in(place.out) {
        let reason = format!("{}: a quantised network is already there", place.out.display());
        return Err(Error::Settings(format!("{reason}: choose another --out")));
    }
    std::fs::create_dir_all(place.out).map_err(Error::file(place.out))?;
    let mut metrics = Metrics::open(place.out, 0)?;
    let state = State {
        schema: State::SCHEMA.into(),
        float: start.float,
        settings: settings.clone(),
        levels: start.levels,
        epoch: 0,
        step: 0,
        seconds: 0.0,
        validation: None,
    };
    let mut run = Run { net: start.net.train(), optimizer: settings.optimizer(), state };
    let steps = u64::from(settings.schedule.epochs) * split.train.len().div_ceil(settings.batch) as u64;
    watch(&mut run, split.validation, &mut metrics)?;
    checkpoint::save(place.out, &run.state, &run.net)?;
    let mut view = View::new(place.progress, steps, 0);
    for epoch in 0..settings.schedule.epochs {
        let clock = Instant::now();
        run = one_epoch(run, epoch, split.train, place, &mut metrics, &mut view)?;
        run.state.epoch = epoch + 1;
        run.state.seconds += clock.elapsed().as_secs_f64();
        watch(&mut run, split.validation, &mut metrics)?;
        checkpoint::save(place.out, &run.state, &run.net)?;
    }
    view.finish();
    Ok(run.state)
}

/// Measures the accuracy on the held-out images, if there are any.
fn watch(run: &mut Run, images: &Images, metrics: &mut Metrics) -> Result<(), Error> {
    if images.is_empty() {
        return Ok(());
    }
    let state = &mut run.state;
    let (sigma, seed) = (state.settings.augmentation.sigma, state.settings.seed);
    let score = evaluate(&run.net.valid(), &state.levels, &state.float.net, images, sigma, seed)?;
    let Score { accuracy, loss } = score;
    state.validation = Some(accuracy);
    let (step, epoch, seconds) = (state.step, state.epoch, state.seconds);
    metrics.write(&Metric::Validation { step, epoch, accuracy, loss, robust: None, seconds })
}

fn one_epoch(
    mut run: Run,
    epoch: u32,
    images: &Images,
    place: Place,
    metrics: &mut Metrics,
    view: &mut View,
) -> Result<Run, Error> {
    let settings = run.state.settings.clone();
    let order = epoch_order(images.len() as u32, epoch, settings.seed);
    let per_epoch = order.len().div_ceil(settings.batch) as u64;
    let (mut losses, mut seen, mut clock) = (0.0f64, 0usize, Instant::now());
    for indices in order.chunks(settings.batch) {
        let batch = images.training(indices, &settings.augmentation, epoch, settings.seed);
        let rate = settings.schedule.at(run.state.step, per_epoch);
        let value;
        (run, value) = step(run, batch.pixels, batch.labels, rate, place)?;
        if !value.is_finite() {
            let step = run.state.step;
            return Err(Error::Diverged { loss: value, step, epoch, checkpoint: "none".into() });
        }
        run.state.step += 1;
        losses += f64::from(value) * indices.len() as f64;
        seen += indices.len();
        view.at(run.state.step);
        if run.state.step.is_multiple_of(REPORT) || run.state.step.is_multiple_of(per_epoch) {
            let (loss, speed) = (losses / seen as f64, seen as f64 / clock.elapsed().as_secs_f64());
            let metric = Metric::Train { step: run.state.step, epoch, rate, loss, speed };
            view.show(&metric);
            metrics.write(&metric)?;
            (losses, seen, clock) = (0.0, 0, Instant::now());
        }
    }
    Ok(run)
}

/// One step at `rate`; returns the loss before it.
fn step(
    mut run: Run,
    pixels: Vec<f32>,
    labels: Vec<i32>,
    rate: f64,
    place: Place,
) -> Result<(Run, f32), Error> {
    let (levels, spec) = (&run.state.levels, &run.state.float.net);
    let device = place.device.clone().autodiff();
    let (layers, integer) = integers(&run.net.valid(), levels, spec)?;
    let outputs = integer.run(&pixels, spec, true)?;
    let logits = twin::forward(&run.net, &layers, levels, &outputs, place.path)?;
    let (_, labels) = to_device(pixels, labels, spec, &device);
    let loss = CrossEntropyLossConfig::new().init(&device).forward(logits, labels);
    let value = loss.clone().into_scalar::<f32>();
    if value.is_finite() {
        let grads = GradientsParams::from_grads(loss.backward(), &run.net);
        run.net = run.optimizer.step(rate, run.net, grads);
    }
    Ok((run, value))
}

/// Scores the integers of `net`, which is not on an autodiff device, on all `images` with one noise sample each.
///
/// # Errors
/// Numbers that the integer model cannot hold.
pub fn evaluate(
    net: &Folded,
    levels: &[Levels],
    spec: &NetSpec,
    images: &Images,
    sigma: f32,
    seed: u64,
) -> Result<Score, Error> {
    let device = Device::flex();
    let entropy = CrossEntropyLossConfig::new().init(&device);
    let (_, integer) = integers(net, levels, spec)?;
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    let (mut right, mut total) = (0i64, 0.0f64);
    for chunk in indices.chunks(BATCH) {
        let batch = images.evaluation(chunk, sigma, seed);
        let logits = integer.run(&batch.pixels, spec, false)?.real_logits(&device);
        let labels = Tensor::from_data(TensorData::new(batch.labels, [chunk.len()]), &device);
        let loss = entropy.forward(logits.clone(), labels.clone());
        total += f64::from(loss.into_scalar::<f32>()) * chunk.len() as f64;
        let found = logits.argmax(1).reshape([chunk.len() as i64]);
        right += found.equal(labels).int().sum().into_scalar::<i64>();
    }
    let count = images.len().max(1) as f64;
    Ok(Score { accuracy: right as f64 / count, loss: total / count })
}
