//! Accuracy under attack during training: what best checkpoints of adversarial methods are chosen by.

use super::evaluate::to_device;
use crate::attacks::{Pgd, Start};
use crate::data::Images;
use crate::methods::loss::cross_entropy;
use crate::methods::{Batch, Craft, Model, first_point};
use crate::nets::{NetSpec, Network, Path};
use burn::tensor::Device;

/// Images that are attacked.
const IMAGES: usize = 500;
/// First step whose noise layers' values an attack sees, beyond those of any training.
const STEP: u64 = 1 << 46;
/// Images attacked at a time.
const BATCH: usize = 125;

/// Share of the first 500 `images` that `net`, not on an autodiff device, still gets right under ten steps of `attack` from
/// a random start.
#[must_use]
pub fn robust_accuracy(
    net: &Network,
    spec: &NetSpec,
    images: &Images,
    attack: &Pgd,
    (seed, path): (u64, Path),
    device: &Device,
) -> f64 {
    let attack = Pgd { steps: 10, step: attack.epsilon / 4.0, start: Start::Uniform, ..*attack };
    let indices: Vec<u32> = (0..images.len().min(IMAGES) as u32).collect();
    let mut right = 0i64;
    for (number, chunk) in (STEP..).zip(indices.chunks(BATCH)) {
        let batch = images.evaluation(chunk, 0.0, seed);
        let (images, labels) = to_device(batch.pixels, batch.labels, spec, device);
        let ids = chunk.to_vec();
        let batch = Batch { images, labels, ids, epoch: 0, progress: 0.0, seed, sigma: 0.0 };
        let model = Model::new(net, spec, path, seed, number);
        let net = model.frozen(Craft::Evaluation);
        let x = attack.ascend(&batch.images, first_point(&attack, &batch), &mut |x| {
            cross_entropy(net.logits(x), &batch.labels).sum()
        });
        // Success is judged by a pass of its own.
        let classes = net.logits(x).argmax(1).reshape([chunk.len() as i64]);
        right += classes.equal(batch.labels).int().sum().into_scalar::<i64>();
    }
    right as f64 / indices.len().max(1) as f64
}
