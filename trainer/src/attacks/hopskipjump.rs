//! HopSkipJump (Chen, Jordan and Wainwright 2020, arXiv:1904.02144, algorithm 2): the boundary's normal from decisions around
//! a point of it, a jump along that, and bisection back.

use super::ball::{Ball, Norm, unit};
use super::decisions::{approach, both, first_fooling};
use super::found::{Found, norms};
use super::oracle::{Oracle, each, pick};
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers. With b halvings of a way, `2 + 1.5 log2 d` in L2 and `2 + 2 log2 d` in L-infinity for d values an
/// image, it asks `1 + b` times at first, and once for each random image tried; then in step t for `min(probes sqrt(t), most)`
/// decisions, b, and one for each length of a jump.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HopSkipJump {
    /// Norm to be made small.
    pub norm: Norm,
    /// Steps.
    pub steps: u32,
    /// Decisions in the first normal.
    pub probes: u32,
    /// The most in any.
    pub most: u32,
    /// Random images tried for a start.
    pub tries: u32,
}

/// Lengths of a jump tried at most, each half of the one before.
const LENGTHS: u32 = 20;

impl HopSkipJump {
    /// The nearest images that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, batch: &Batch, labels: &[i32]) -> Found {
        let images = &batch.images;
        let (ball, halvings) = (Ball { norm: self.norm, epsilon: 1.0 }, self.halvings(images));
        let mut found = Found::new(self.norm, images, &vec![false; labels.len()]);
        let (first, started) = first_fooling(oracle, batch, labels, self.tries);
        let mut x = approach(oracle, self.norm, (images, labels), first, halvings);
        found.offer(&x, &started);
        let mut asked = self.tries;
        for step in 1..=self.steps {
            let reach = norms(self.norm, x.clone() - images.clone());
            let probes = self.probes_at(step);
            let normal = normal(oracle, batch, labels, &x, &reach, asked..asked + probes);
            asked += probes;
            let length: Vec<f32> = reach.iter().map(|r| r / (step as f32).sqrt()).collect();
            x = jump(oracle, labels, x, &ball.steepest(normal), length, &started);
            x = approach(oracle, self.norm, (images, labels), x, halvings);
            found.offer(&x, &started);
        }
        found
    }

    /// Halvings that come to within a quarter of a share `d^-1.5` (L2) or `d^-2` (L-infinity) of the way. The paper stops at the
    /// whole: after a long jump few probes, or none, would then cross the boundary again.
    pub(super) fn halvings(&self, images: &Tensor<4>) -> u32 {
        let [_, c, h, w] = images.dims();
        let power = if self.norm == Norm::L2 { 1.5 } else { 2.0 };
        (power * ((c * h * w) as f64).log2()).ceil() as u32 + 2
    }

    /// Decisions in the normal of step `step`, from 1.
    pub(super) fn probes_at(&self, step: u32) -> u32 {
        ((f64::from(self.probes) * f64::from(step).sqrt()) as u32).min(self.most)
    }
}

/// The estimated normal at `x`, towards images that fool (equation 16): decisions less their mean, over directions at a
/// distance of `reach / d`.
fn normal(
    oracle: &Oracle,
    batch: &Batch,
    labels: &[i32],
    x: &Tensor<4>,
    reach: &[f32],
    numbers: std::ops::Range<u32>,
) -> Tensor<4> {
    let [_, c, h, w] = x.dims();
    let count = numbers.len().max(1) as f32;
    let radius = each(reach, x).div_scalar((c * h * w) as f64);
    let (mut sum, mut signed) = (x.zeros_like(), x.zeros_like());
    let mut mean = vec![0.0f32; reach.len()];
    for number in numbers {
        let probe = (x.clone() + unit(batch.start_normal(number)) * radius.clone()).clamp(0.0, 1.0);
        let fooled = oracle.fooled(&probe, labels);
        let sign: Vec<f32> = fooled.into_iter().map(|f| if f { 1.0 } else { -1.0 }).collect();
        let moved = probe - x.clone();
        sum = sum + moved.clone();
        signed = signed + moved * each(&sign, x);
        mean.iter_mut().zip(sign).for_each(|(m, s)| *m += s / count);
    }
    // Where all decisions agree, nothing would be left of them less their mean.
    mean.iter_mut().filter(|m| m.abs() > 1.0 - 0.5 / count).for_each(|m| *m = 0.0);
    signed - sum * each(&mean, x)
}

/// `x` moved along `direction` by `length`, halved until it fools; an image for which none does stays.
fn jump(
    oracle: &Oracle,
    labels: &[i32],
    x: Tensor<4>,
    direction: &Tensor<4>,
    mut length: Vec<f32>,
    started: &[bool],
) -> Tensor<4> {
    let (mut pending, mut jumped) = (started.to_vec(), x.clone());
    for _ in 0..LENGTHS {
        let there = (x.clone() + direction.clone() * each(&length, &x)).clamp(0.0, 1.0);
        let take = both(&pending, &oracle.fooled(&there, labels));
        jumped = pick(&take, there, jumped);
        pending.iter_mut().zip(take).for_each(|(p, t)| *p &= !t);
        if !pending.contains(&true) {
            break;
        }
        length.iter_mut().for_each(|l| *l *= 0.5);
    }
    jumped
}
