//! The integer model against the float model it was compiled from, layer by layer, on the same images.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use ringfence_runtime::{Backend, Executor, Model, TensorView};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::difference::{Difference, Sums};
use super::error::CompileError;
use super::limits;
use super::meta::Meta;
use super::samples::{self, NoiseSource, Sample};
use crate::data::Dataset;
use crate::onnx::{self, FloatModel};

/// Name and version of the JSON layout of [`Report`].
pub const SCHEMA: &str = "ringfence.validate/1";

/// Which images to compare on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Images {
    /// At most this many, spread evenly over the data set.
    pub max: usize,
    /// With the noise of the model's sigma.
    pub noisy: bool,
    /// Seed of the noise.
    pub seed: u64,
}

/// The comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Images compared.
    pub images: usize,
    /// Deviation of the noise on them, full scale 1; 0 for none.
    pub sigma: f64,
    /// Layers in execution order, the logits last.
    pub layers: Vec<Difference>,
    /// Share of images on which both name the same class.
    pub agreement: f64,
    /// Share of images that the float model classifies correctly.
    pub float_accuracy: f64,
    /// Share of images that the integer model classifies correctly.
    pub integer_accuracy: f64,
}

/// Compares `model` with the ONNX file it was compiled from. `progress` receives (images done, images in all).
pub fn validate(
    model: &Model<'_>,
    onnx: &[u8],
    data: &dyn Dataset,
    images: Images,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Report, CompileError> {
    let comparison = Comparison::new(model, onnx, data)?;
    let noise = images.noisy.then(|| NoiseSource { table: model.noise(), seed: images.seed });
    let count = images.max.min(data.len());
    let done = AtomicUsize::new(0);
    let outcomes: Vec<Outcome> = (0..count)
        .into_par_iter()
        .map(|i| {
            let sample = samples::sample(data, i * data.len() / count, noise)?;
            let outcome = comparison.run(&sample)?;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, count);
            Ok(outcome)
        })
        .collect::<Result<_, CompileError>>()?;
    let sigma = noise.map_or(0.0, |noise| f64::from_bits(noise.table.sigma_bits));
    Ok(comparison.report(&outcomes, sigma))
}

struct Comparison<'m, 'a> {
    executor: Executor<'m, 'a>,
    float: FloatModel,
    meta: Meta,
}

/// What one image showed.
struct Outcome {
    label: usize,
    float: usize,
    integer: usize,
    layers: Vec<Sums>,
}

impl<'m, 'a> Comparison<'m, 'a> {
    fn new(model: &'m Model<'a>, onnx: &[u8], data: &dyn Dataset) -> Result<Self, CompileError> {
        let digest: [u8; 32] = Sha256::digest(onnx).into();
        if digest != *model.source_sha256() {
            return Err(CompileError::Mismatch("the model was compiled from another ONNX file".into()));
        }
        let meta = Meta::of(model)?;
        let graph = onnx::parse(onnx)?;
        let channels = limits::check_image(&graph, Some(data))?;
        let values: Vec<&str> = meta.tensors.iter().skip(1).map(|tensor| tensor.value.as_str()).collect();
        let float = FloatModel::new(onnx, &graph, &[values, vec![meta.logits.value.as_str()]].concat())?;
        if [&meta.calibration.mean, &meta.calibration.std].iter().any(|list| list.len() != channels) {
            return Err(CompileError::Mismatch("META does not give a mean and std per channel".into()));
        }
        let executor = Executor::new(model, Backend::best())
            .ok_or_else(|| CompileError::Mismatch("no backend runs on this machine".into()))?;
        Ok(Self { executor, float, meta })
    }

    fn run(&self, sample: &Sample) -> Result<Outcome, CompileError> {
        let calibration = &self.meta.calibration;
        let floats = self.float.run(&sample.normalised(&calibration.mean, &calibration.std))?;
        let model = self.executor.model();
        let ops: Vec<_> = model.ops().map(|op| op.output().map(|output| output.index)).collect();
        let mut layers = vec![Sums::default(); self.meta.layers.len()];
        let mut arena = vec![0; model.arena_bytes(1)];
        let mut logits = vec![0; model.classes()];
        write_input(&self.executor, &mut arena, sample)?;
        let observer = |op: usize, _: usize, view: TensorView<'_>| {
            if let Some(tensor) = ops[op].filter(|tensor| *tensor > 0) {
                layers[op] = Sums::of_tensor(view, &self.meta.tensors[tensor], &floats[tensor - 1]);
            }
        };
        self.executor.run(&mut arena, 1, &mut logits, observer).map_err(mismatch)?;
        let wanted = floats.last().map(Vec::as_slice).unwrap_or_default();
        if let Some(sums) = layers.last_mut() {
            let real = logits.iter().map(|r| f64::from(*r) * self.meta.logits.scale);
            *sums = Sums::of(real.zip(wanted));
        }
        Ok(Outcome { label: sample.label, float: argmax(wanted), integer: argmax(&logits), layers })
    }

    fn report(&self, outcomes: &[Outcome], sigma: f64) -> Report {
        let mut totals = vec![Sums::default(); self.meta.layers.len()];
        for outcome in outcomes {
            totals.iter_mut().zip(&outcome.layers).for_each(|(total, sums)| total.add(sums));
        }
        let values: Vec<&str> = self
            .executor
            .model()
            .ops()
            .map(|op| {
                op.output().map_or(&self.meta.logits.value, |output| &self.meta.tensors[output.index].value)
            })
            .map(String::as_str)
            .collect();
        let layers = totals.iter().zip(&self.meta.layers).zip(values);
        let share = |right: fn(&Outcome) -> bool| {
            outcomes.iter().filter(|outcome| right(outcome)).count() as f64 / outcomes.len().max(1) as f64
        };
        Report {
            schema: SCHEMA,
            images: outcomes.len(),
            sigma,
            layers: layers.map(|((sums, layer), value)| sums.difference(&layer.name, value)).collect(),
            agreement: share(|outcome| outcome.float == outcome.integer),
            float_accuracy: share(|outcome| outcome.float == outcome.label),
            integer_accuracy: share(|outcome| outcome.integer == outcome.label),
        }
    }
}

/// Gives the quantised sample to the first place of the arena.
pub fn write_input(
    executor: &Executor<'_, '_>,
    arena: &mut [u8],
    sample: &Sample,
) -> Result<(), CompileError> {
    let input = executor.model().input();
    let (height, width) = (input.height, input.width);
    let mut writer = executor.write_input(arena, 0).map_err(mismatch)?;
    for (row, pixels) in sample.noisy.chunks(width.max(1)).enumerate() {
        writer.row(row / height, row % height, pixels);
    }
    Ok(())
}

fn mismatch(error: impl std::fmt::Display) -> CompileError {
    CompileError::Mismatch(error.to_string())
}

/// The first of the largest.
fn argmax<T: PartialOrd + Copy>(values: &[T]) -> usize {
    let largest = values.iter().enumerate().fold(None, |best: Option<(usize, T)>, (i, v)| match best {
        Some((_, top)) if *v <= top => best,
        _ => Some((i, *v)),
    });
    largest.map_or(0, |(index, _)| index)
}
