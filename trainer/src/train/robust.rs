//! Accuracy under attack during training: what best checkpoints of adversarial methods are chosen by.

use crate::attacks::{Aim, Ascent, Attack, Estimator, Loss, NetTarget, Pgd, Planned, Start, Suite};
use crate::data::Images;
use burn::tensor::Device;

/// Images that are attacked: enough to follow a training.
const IMAGES: usize = 500;

/// Share of the first 500 `images` that the network of `target` still gets right under ten steps of `attack` on its
/// cross-entropy from a random start.
#[must_use]
pub fn robust_accuracy(target: &NetTarget, images: &Images, attack: &Pgd, device: &Device) -> f64 {
    let pgd = Pgd { steps: 10, step: attack.epsilon / 4.0, start: Start::Uniform, ..*attack };
    let ascent = Ascent { pgd, loss: Loss::CrossEntropy, aim: Aim::Away, restarts: 1 };
    let suite = Suite {
        attacks: vec![Planned {
            name: "pgd-10",
            attack: Attack::Ascent(ascent),
            estimator: None,
            draws: None,
        }],
        norm: attack.norm,
        epsilons: vec![attack.epsilon],
        draws: 1,
        votes: 1,
        estimator: Estimator::Loss,
        seed: target.seed,
        batch: 100,
        sources: &[],
        substitute: None,
    };
    let Ok(results) = suite.run(target, (images, IMAGES), device, &mut (), &());
    results.outcomes.first().map_or(0.0, |outcome| outcome.robust)
}
