//! Accuracy and loss of a network on a set of images.

use crate::adaptive::look;
use crate::data::Images;
use crate::methods::Batch;
use crate::nets::{Defence, Draw, NetSpec, Pass, Path};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Serialize;

/// Images evaluated at a time.
const BATCH: usize = 128;
/// First draw of noise layers in evaluation, beyond all training steps.
const EVALUATION: u64 = 1 << 63;
/// Epoch that the noise of votes belongs to, beyond all of training.
const VOTES: u32 = (1 << 30) - 1;

/// Result of [`evaluate`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Score {
    /// Share of right answers, in `[0, 1]`.
    pub accuracy: f64,
    /// Mean cross-entropy in nats.
    pub loss: f64,
}

/// A batch on `device`: images and labels.
#[must_use]
pub fn to_device(
    pixels: Vec<f32>,
    labels: Vec<i32>,
    spec: &NetSpec,
    device: &Device,
) -> (Tensor<4>, Tensor<1, Int>) {
    let [c, h, w] = spec.input;
    let n = labels.len();
    let images = Tensor::from_data(TensorData::new(pixels, [n, c, h, w]), device);
    (images, Tensor::from_data(TensorData::new(labels, [n]), device))
}

/// Images without noise that know theirs.
fn batch_of(
    images: &Images,
    ids: &[u32],
    spec: &NetSpec,
    (sigma, seed): (f32, u64),
    device: &Device,
) -> Batch {
    let data = images.evaluation(ids, 0.0, seed);
    let (images, labels) = to_device(data.pixels, data.labels, spec, device);
    Batch { images, labels, ids: ids.to_vec(), epoch: VOTES, progress: 0.0, seed, sigma, objects: None }
}

/// Logits of draw `draw` of the noise, through the mask if there is one; not on an autodiff device.
fn noisy_logits(defence: &Defence, spec: &NetSpec, batch: &Batch, draw: u32, pass: Pass) -> Tensor<2> {
    let shown = match defence.mask.as_ref().zip(spec.mask) {
        Some(mask) => look(mask, batch, (draw, pass.path, false)).shown,
        None => batch.images.clone() + batch.noise(draw),
    };
    defence.net.forward(spec, shown, pass)
}

/// Scores `defence`, which is not on an autodiff device, on all `images` with one noise sample each; noise layers are on, with
/// new values for each batch.
#[must_use]
pub fn evaluate(
    defence: &Defence,
    spec: &NetSpec,
    images: &Images,
    (sigma, path): (f32, Path),
    seed: u64,
    device: &Device,
) -> Score {
    let loss = CrossEntropyLossConfig::new().init(device);
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    let (mut right, mut total) = (0i64, 0.0f64);
    for (index, chunk) in (EVALUATION..).zip(indices.chunks(BATCH)) {
        let pass = Pass { path, draw: Some(Draw { seed, index }) };
        let (logits, y) = if defence.mask.is_some() {
            let batch = batch_of(images, chunk, spec, (sigma, seed), device);
            (noisy_logits(defence, spec, &batch, 0, pass), batch.labels)
        } else {
            let batch = images.evaluation(chunk, sigma, seed);
            let (x, y) = to_device(batch.pixels, batch.labels, spec, device);
            (defence.net.forward(spec, x, pass), y)
        };
        total += f64::from(loss.forward(logits.clone(), y.clone()).into_scalar::<f32>()) * chunk.len() as f64;
        right += logits.argmax(1).reshape([chunk.len() as i64]).equal(y).int().sum().into_scalar::<i64>();
    }
    let count = images.len().max(1) as f64;
    Score { accuracy: right as f64 / count, loss: total / count }
}

/// Votes of the smoothed classifier for every image and class, `draws` of them an image, each on noise of its own.
#[must_use]
pub fn votes(
    defence: &Defence,
    spec: &NetSpec,
    images: &Images,
    (sigma, path, draws): (f32, Path, u32),
    seed: u64,
    device: &Device,
) -> Vec<Vec<u32>> {
    let indices: Vec<u32> = (0..images.len() as u32).collect();
    let mut counts = vec![vec![0; spec.classes.len()]; images.len()];
    for ids in indices.chunks(BATCH) {
        let batch = batch_of(images, ids, spec, (sigma, seed), device);
        for draw in 0..draws {
            // Noise layers count batches and draws.
            let index = EVALUATION + u64::from(draw) * images.len() as u64 + u64::from(ids[0]);
            let pass = Pass { path, draw: Some(Draw { seed, index }) };
            let classes = noisy_logits(defence, spec, &batch, draw, pass).argmax(1).into_data();
            for (&id, class) in ids.iter().zip(classes.iter::<i64>()) {
                counts[id as usize][class as usize] += 1;
            }
        }
    }
    counts
}

/// Share of images whose label has the most of their [`votes`]; of equals the first class counts.
#[must_use]
pub fn smoothed_accuracy(votes: &[Vec<u32>], labels: &[i32]) -> f64 {
    let winner = |counts: &[u32]| (0..counts.len()).rev().max_by_key(|&class| counts[class]);
    let right = votes.iter().zip(labels).filter(|(counts, label)| winner(counts) == Some(**label as usize));
    right.count() as f64 / labels.len().max(1) as f64
}
