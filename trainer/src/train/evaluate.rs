//! Accuracy and loss of a network on a set of images.

use crate::data::Images;
use crate::nets::{Draw, NetSpec, Network, Pass, Path};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::Serialize;

/// Images evaluated at a time.
const BATCH: usize = 128;
/// First draw of noise layers in evaluation, beyond all training steps.
const EVALUATION: u64 = 1 << 63;

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

/// Scores `net`, which is not on an autodiff device, on all `images` with one noise sample each; noise layers are on, with
/// new values for each batch.
#[must_use]
pub fn evaluate(
    net: &Network,
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
        let batch = images.evaluation(chunk, sigma, seed);
        let (x, y) = to_device(batch.pixels, batch.labels, spec, device);
        let logits = net.forward(spec, x, Pass { path, draw: Some(Draw { seed, index }) });
        total += f64::from(loss.forward(logits.clone(), y.clone()).into_scalar::<f32>()) * chunk.len() as f64;
        right += logits.argmax(1).reshape([chunk.len() as i64]).equal(y).int().sum().into_scalar::<i64>();
    }
    let count = images.len().max(1) as f64;
    Score { accuracy: right as f64 / count, loss: total / count }
}
