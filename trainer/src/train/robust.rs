//! Accuracy under attack: what best checkpoints of adversarial methods are chosen by, and what `evaluate --attack` prints.

use super::evaluate::to_device;
use crate::attacks::{Norm, Pgd, Start};
use crate::data::Images;
use crate::methods::loss::cross_entropy;
use crate::methods::{Batch, Craft, Model, first_point};
use crate::nets::{NetSpec, Network, Path};
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

/// Images of a quick attack.
const IMAGES: usize = 500;
/// First step whose noise layers' values an attack sees, beyond those of any training.
const STEP: u64 = 1 << 46;
/// Images attacked at a time.
const BATCH: usize = 125;

/// An attack on a set of images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Assault {
    /// The attack.
    #[serde(flatten)]
    pub attack: Pgd,
    /// Draws of the noise layers that each gradient averages, at least 1.
    pub draws: u32,
    /// How many images are attacked: the first ones.
    pub images: usize,
}

impl Assault {
    /// Ten steps of `attack` from a random start on 500 images: enough to follow a training.
    #[must_use]
    pub fn quick(attack: Pgd) -> Self {
        let attack = Pgd { steps: 10, step: attack.epsilon / 4.0, start: Start::Uniform, ..attack };
        Self { attack, draws: 1, images: IMAGES }
    }

    /// The usual attack on CIFAR-10: 20 steps of 2/255 within 8/255 in L-infinity, on all images.
    #[must_use]
    pub fn usual() -> Self {
        let (epsilon, step) = (8.0 / 255.0, 2.0 / 255.0);
        let attack = Pgd { norm: Norm::Linf, epsilon, step, steps: 20, start: Start::Uniform };
        Self { attack, draws: 1, images: usize::MAX }
    }
}

/// Share of the first images that `net`, not on an autodiff device, still gets right under `assault` on its cross-entropy.
/// The network is attacked as it is, its noise layers on; a smoothed classifier over it is not.
#[must_use]
pub fn robust_accuracy(
    net: &Network,
    spec: &NetSpec,
    images: &Images,
    assault: &Assault,
    (seed, path): (u64, Path),
    device: &Device,
) -> f64 {
    let attack = assault.attack;
    let indices: Vec<u32> = (0..images.len().min(assault.images) as u32).collect();
    let mut right = 0i64;
    for (number, chunk) in (STEP..).zip(indices.chunks(BATCH)) {
        let batch = images.evaluation(chunk, 0.0, seed);
        let (images, labels) = to_device(batch.pixels, batch.labels, spec, device);
        let ids = chunk.to_vec();
        let batch = Batch { images, labels, ids, epoch: 0, progress: 0.0, seed, sigma: 0.0 };
        let model = Model::new(net, spec, path, seed, number);
        let net = model.frozen(Craft::Evaluation);
        let x = attack.ascend(&batch.images, first_point(&attack, &batch), &mut |x| {
            let loss = |_| cross_entropy(net.logits(x.clone()), &batch.labels).sum();
            (1..assault.draws).map(loss).fold(loss(0), |sum, l| sum + l)
        });
        // Success is judged by a pass of its own.
        let classes = net.logits(x).argmax(1).reshape([chunk.len() as i64]);
        right += classes.equal(batch.labels).int().sum().into_scalar::<i64>();
    }
    right as f64 / indices.len().max(1) as f64
}
