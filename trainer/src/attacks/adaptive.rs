//! Ascents that choose their own end: PGD that then searches its ray for the boundary, and PGD that stops where the
//! constrained problem is nearly solved.

use super::ascent::{Aim, Ascent};
use super::ball::{Ball, dots};
use super::found::{Found, norms};
use super::objective::Loss;
use super::oracle::{Oracle, each, labels_of, pick, values};
use super::pgd::Pgd;
use super::rounds::rounds;
use crate::methods::{Batch, first_point_of};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// PGD with an adaptive norm (Ding et al. 2020, arXiv:1812.02637, algorithm 1): the direction is that of an ascent, the
/// length is where the decision changes along it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnPgd {
    /// Steps, start and ball of the ascent; its size is a share of the run's.
    pub pgd: Pgd,
    /// Largest length looked at, as a share of the run's size.
    pub most: f64,
    /// Halvings of the interval of lengths.
    pub halvings: u32,
}

impl AnPgd {
    /// Images given another class than `labels` that are nearest to the originals along the ascent's direction.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, batch: &Batch, labels: &[i32], epsilon: f64) -> Found {
        let images = &batch.images;
        let mut found = Found::new(self.pgd.norm, images, &oracle.fooled(images, labels));
        let pgd = Pgd { epsilon: self.pgd.epsilon * epsilon, step: self.pgd.step * epsilon, ..self.pgd };
        let ascent = Ascent { pgd, loss: Loss::SoftMargin, aim: Aim::Away, restarts: 1 };
        let x = ascent.climb(oracle, &pgd, batch, labels, (0, None));
        let fooled = oracle.fooled(&x, labels);
        found.offer(&x, &fooled);
        let delta = x - images.clone();
        let length = norms(pgd.norm, delta.clone());
        let direction = delta / each(&length, images).clamp_min(1e-12);
        let end = (self.most * epsilon) as f32;
        let mut low: Vec<f32> = length.iter().zip(&fooled).map(|(l, f)| if *f { 0.0 } else { *l }).collect();
        let mut high: Vec<f32> = length.iter().zip(&fooled).map(|(l, f)| if *f { *l } else { end }).collect();
        for _ in 0..self.halvings {
            let middle: Vec<f32> = low.iter().zip(&high).map(|(l, h)| 0.5 * (l + h)).collect();
            let x = (images.clone() + direction.clone() * each(&middle, images)).clamp(0.0, 1.0);
            let fooled = oracle.fooled(&x, labels);
            found.offer(&x, &fooled);
            for (i, (at, fooled)) in middle.into_iter().zip(fooled).enumerate() {
                let end = if fooled { &mut high[i] } else { &mut low[i] };
                *end = at;
            }
        }
        found
    }
}

/// PGD that stops, image by image, where the first-order stationary condition is small (Wang et al. 2019, ICML: On the
/// convergence and robustness of adversarial training, equation 5).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct FoscPgd {
    /// Steps and start; the ball's size is that of the run.
    pub pgd: Pgd,
    /// The condition at which an image stops.
    pub threshold: f64,
    /// Random starts, at least 1.
    pub restarts: u32,
}

impl FoscPgd {
    /// For each image of `batch` one within `epsilon` that is given another class than `labels`, or the original; and
    /// whether it was found.
    #[must_use]
    pub fn run(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>) {
        let (images, restarts) = (&batch.images, self.restarts);
        rounds(oracle, (images, labels), restarts, None, &|restart, _| {
            self.climb(oracle, batch, labels, (restart, epsilon))
        })
    }

    /// The ends of the ascents, whether they fool or not.
    pub(super) fn climb(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        (restart, epsilon): (u32, f64),
    ) -> Tensor<4> {
        let pgd = Pgd { epsilon, step: self.pgd.step * epsilon, ..self.pgd };
        let (images, ball, y) = (&batch.images, pgd.ball(), labels_of(labels, &batch.images));
        let mut x = ball.project(images, first_point_of(&pgd, batch, restart));
        let mut stopped = vec![false; labels.len()];
        for _ in 0..pgd.steps {
            let (_, slope) = oracle.gradient(&x, &|z| Loss::CrossEntropy.of(z, &y));
            let left = stationarity(&ball, x.clone() - images.clone(), &slope);
            stopped.iter_mut().zip(left).for_each(|(s, c)| *s |= f64::from(c) <= self.threshold);
            if stopped.iter().all(|s| *s) {
                break;
            }
            let next = ball.project(images, x.clone() + ball.steepest(slope).mul_scalar(pgd.step));
            x = pick(&stopped, x, next);
        }
        x
    }
}

/// `epsilon ||g||* - <delta, g>`: by how much a linear function of gradient `slope` is higher at the best point of the ball
/// than at `delta`; 0 where `delta` solves the problem to first order. The box is not looked at.
#[must_use]
pub fn stationarity(ball: &Ball, delta: Tensor<4>, slope: &Tensor<4>) -> Vec<f32> {
    values(ball.dual(slope).mul_scalar(ball.epsilon) - dots(delta, slope.clone()))
}
