//! Runs the float model over noisy images and records the range of every activation.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::network::Network;
use super::range::{Extremes, Histogram};
use super::samples::Sample;
use crate::onnx::{FloatModel, OnnxError};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// One for each tensor but the first, which is the image.
    pub tensors: Vec<Histogram>,
    /// Extremes of the logits.
    pub logits: Extremes,
}

/// Names of the ONNX values that a float model must return for [`calibrate`]: tensors 1.., then the logits.
pub fn values(network: &Network) -> Vec<&str> {
    let tensors = network.tensors.iter().skip(1).map(|tensor| tensor.value.as_str());
    tensors.chain([network.logits.as_str()]).collect()
}

/// Two passes over `samples`: extremes, then histograms between them. `float` returns [`values`], `prepare` turns a
/// sample into the model's input, `progress` receives the passes done out of `2 * samples.len()`.
///
/// All sums are of integers and all joins commute: the result does not depend on the number of threads.
pub fn calibrate(
    float: &FloatModel,
    samples: &[Sample],
    prepare: impl Fn(&Sample) -> Vec<f32> + Sync,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Calibration, OnnxError> {
    let done = AtomicUsize::new(0);
    let run = |sample: &Sample| {
        let values = float.run(&prepare(sample));
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, 2 * samples.len());
        values
    };
    let extremes = samples
        .par_iter()
        .map(|sample| Ok(run(sample)?.iter().map(|values| Extremes::of(values)).collect()))
        .reduce(|| Ok(Vec::new()), |a, b| Ok(join(a?, b?, Extremes::join)))?;
    let mut histograms = samples
        .par_iter()
        .map(|sample| {
            let values = run(sample)?;
            Ok(extremes.iter().zip(&values).map(|(extremes, values)| Histogram::of(*extremes, values)).collect())
        })
        .reduce(|| Ok(Vec::new()), |a, b| Ok(join(a?, b?, |a: Histogram, b| a.merge(&b))))?;
    histograms.pop();
    Ok(Calibration { tensors: histograms, logits: extremes.last().copied().unwrap_or_default() })
}

/// Joins two lists entry by entry; the empty list is neutral.
fn join<T>(a: Vec<T>, b: Vec<T>, with: impl Fn(T, T) -> T) -> Vec<T> {
    if a.is_empty() {
        return b;
    }
    if b.is_empty() {
        return a;
    }
    a.into_iter().zip(b).map(|(a, b)| with(a, b)).collect()
}
