//! Runs the float model over noisy images and records range and means of every activation.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use super::network::Network;
use super::range::{Extremes, Histogram};
use super::samples::Sample;
use crate::onnx::{Affine, FloatModel, OnnxError};

/// What was seen.
#[derive(Clone, Debug)]
pub struct Calibration {
    /// One for each tensor but the first, which is the image.
    pub tensors: Vec<Histogram>,
    /// Mean of each channel of each tensor, the first included.
    pub means: Vec<Vec<f64>>,
    /// Extremes of the logits.
    pub logits: Extremes,
}

/// One value of one sample: extremes, and the sum of each channel.
struct Seen {
    extremes: Extremes,
    sums: Vec<f64>,
}

/// Names of the ONNX values that a float model must return for [`calibrate`]: tensors 1.., then the logits if there are any.
pub fn values(network: &Network) -> Vec<&str> {
    let tensors = network.tensors.iter().skip(1).map(|tensor| tensor.value.as_str());
    tensors.chain(network.logits()).collect()
}

/// Two passes over `samples`: extremes and means, then histograms between the extremes. `float` returns [`values`],
/// `prepare` turns a sample into the model's input, `progress` receives the runs done out of `2 * samples.len()`.
/// The first tensor is the image normalised by `input`.
///
/// Extremes and counts join in any order, means are summed in the order of the samples: the result does not depend on
/// the number of threads.
pub fn calibrate(
    float: &FloatModel,
    network: &Network,
    input: &Affine,
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
    let seen: Vec<Vec<Seen>> =
        samples.par_iter().map(|sample| Ok(see(network, &run(sample)?))).collect::<Result<_, OnnxError>>()?;
    let count = network.tensors.len();
    let values = count - 1 + usize::from(network.logits().is_some());
    let extremes: Vec<Extremes> = (0..values)
        .map(|value| seen.iter().fold(Extremes::default(), |all, seen| all.join(seen[value].extremes)))
        .collect();
    let histograms = samples
        .par_iter()
        .map(|sample| {
            let values = run(sample)?;
            let tensors = extremes.iter().zip(&values).take(count - 1);
            Ok(tensors.map(|(extremes, values)| Histogram::of(*extremes, values)).collect())
        })
        .reduce(|| Ok(Vec::new()), |a, b| Ok(join(a?, b?)))?;
    let means = std::iter::once(image_means(network, input, samples))
        .chain((1..count).map(|tensor| means(network, tensor, &seen)))
        .collect();
    Ok(Calibration {
        tensors: histograms,
        means,
        logits: extremes.get(count - 1).copied().unwrap_or_default(),
    })
}

/// Extremes of all values, sums of those that are tensors.
fn see(network: &Network, values: &[Vec<f32>]) -> Vec<Seen> {
    let channels = network.tensors.iter().skip(1).map(|tensor| tensor.channels).chain([1]);
    let seen = values.iter().zip(channels).map(|(values, channels)| {
        let planes = values.chunks((values.len() / channels).max(1));
        let sums = planes.map(|plane| plane.iter().map(|x| f64::from(*x)).sum()).collect();
        Seen { extremes: Extremes::of(values), sums }
    });
    seen.collect()
}

fn means(network: &Network, tensor: usize, seen: &[Vec<Seen>]) -> Vec<f64> {
    let activation = &network.tensors[tensor];
    let pixels = (seen.len() * activation.height * activation.width) as f64;
    (0..activation.channels)
        .map(|c| seen.iter().map(|seen| seen[tensor - 1].sums[c]).sum::<f64>() / pixels)
        .collect()
}

fn image_means(network: &Network, input: &Affine, samples: &[Sample]) -> Vec<f64> {
    let plane = network.tensors[0].height * network.tensors[0].width;
    let sum = |c: usize| -> i64 {
        samples.iter().flat_map(|sample| &sample.noisy[c * plane..][..plane]).map(|m| i64::from(*m)).sum()
    };
    let mean = |c: usize| sum(c) as f64 / (255 * plane * samples.len()) as f64;
    (0..network.tensors[0].channels).map(|c| input.mul[c] * mean(c) + input.add[c]).collect()
}

/// Joins two lists of histograms entry by entry; the empty list is neutral.
fn join(a: Vec<Histogram>, b: Vec<Histogram>) -> Vec<Histogram> {
    if a.is_empty() {
        return b;
    }
    if b.is_empty() {
        return a;
    }
    a.into_iter().zip(b).map(|(a, b)| a.merge(&b)).collect()
}
