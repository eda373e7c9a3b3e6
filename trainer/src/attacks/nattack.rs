//! NAttack (Li et al. 2019, arXiv:1905.00441, algorithm 1): a normal distribution over tanh space whose mean climbs; it asks
//! for logits only.

use super::ball::{Ball, Norm};
use super::best::Best;
use super::carlini::Inside;
use super::oracle::{Oracle, each};
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers. It asks `1 + steps * population` times at most: it ends when all images fool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nattack {
    /// Draws in each step.
    pub population: u32,
    /// Their deviation.
    pub sigma: f64,
    /// Rate at which the mean follows them.
    pub rate: f64,
    /// Steps.
    pub steps: u32,
}

/// Added to the deviation of rewards, which may all be equal.
const TINY: f32 = 1e-7;

impl Nattack {
    /// For each image of `batch` one within `epsilon` that is given another class than `labels`, or the best that was drawn;
    /// and whether it is.
    #[must_use]
    pub fn run(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>) {
        let images = &batch.images;
        let ball = Ball { norm: Norm::Linf, epsilon };
        let mut best = Best::new(oracle, labels, images);
        let mut mean = Inside::Tanh.variable(images);
        for step in 0..self.steps {
            if best.is_done() {
                break;
            }
            let shift = self.shift(batch, &ball, &mean, step, &mut best);
            mean = mean + shift;
        }
        best.result()
    }

    /// How far the mean moves after one population: `rate / (population sigma) sum_i A_i e_i`, where the A are the margins,
    /// none above 0, at mean 0 and deviation 1.
    pub(super) fn shift(
        &self,
        batch: &Batch,
        ball: &Ball,
        mean: &Tensor<4>,
        step: u32,
        best: &mut Best,
    ) -> Tensor<4> {
        let (mut sum, mut weighted) = (mean.zeros_like(), mean.zeros_like());
        let mut all: Vec<Vec<f32>> = vec![];
        for draw in 0..self.population {
            let noise = batch.start_normal(step * self.population + draw);
            let w = mean.clone() + noise.clone().mul_scalar(self.sigma);
            let rewards = best.offer(ball.project(&batch.images, Inside::Tanh.image(&w)));
            let rewards: Vec<f32> = rewards.into_iter().map(|r| r.min(0.0)).collect();
            sum = sum + noise.clone();
            weighted = weighted + noise * each(&rewards, mean);
            all.push(rewards);
        }
        let (middle, spread): (Vec<f32>, Vec<f32>) = (0..batch.len()).map(|i| moments(&all, i)).unzip();
        let scale = self.rate / (f64::from(self.population) * self.sigma);
        let standard = (weighted - sum * each(&middle, mean)) / each(&spread, mean);
        standard.mul_scalar(scale)
    }
}

/// Mean and deviation of the rewards of image `i`.
fn moments(all: &[Vec<f32>], i: usize) -> (f32, f32) {
    let count = all.len().max(1) as f32;
    let mean = all.iter().map(|r| r[i]).sum::<f32>() / count;
    let variance = all.iter().map(|r| (r[i] - mean).powi(2)).sum::<f32>() / count;
    (mean, variance.sqrt() + TINY)
}
