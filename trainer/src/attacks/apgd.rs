//! Auto-PGD (Croce and Hein 2020, arXiv:2003.01690, algorithm 1): momentum, and a step that halves where it stops paying.

use super::ball::{Ball, Norm};
use super::objective::{Loss, targeted_ratio};
use super::oracle::{Oracle, each, labels_of, pick};
use super::rounds::rounds;
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Apgd {
    /// Norm of the ball.
    pub norm: Norm,
    /// Steps.
    pub steps: u32,
    /// Random starts, at least 1.
    pub restarts: u32,
    /// The loss, unless classes are aimed at.
    pub loss: Loss,
    /// How many of the other classes, by logit, are aimed at in turn by the targeted ratio; 0: none.
    pub targets: usize,
}

/// Share of steps that must raise the loss for a step to keep its length.
const RHO: f64 = 0.75;

/// Steps at which the step is looked at: first after 22 % of all, then after ever shorter periods.
fn checkpoints(steps: u32) -> Vec<u32> {
    let part = |percent: u32| (steps * percent / 100).max(1);
    let (mut period, mut at) = (part(22), vec![0]);
    let mut next = period;
    while next <= steps {
        at.push(next);
        period = period.saturating_sub(part(3)).max(part(6));
        next += period;
    }
    at
}

/// Where an image's ascent stands.
struct Track {
    step: Vec<f32>,
    best: Vec<f32>,
    best_before: Vec<f32>,
    step_before: Vec<f32>,
    raised: Vec<u32>,
}

impl Apgd {
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
        let images = &batch.images;
        let ball = Ball { norm: self.norm, epsilon };
        let rivals = (self.targets > 0).then_some(self.targets);
        let y = labels_of(labels, images);
        rounds(oracle, (images, labels), self.restarts, rivals, &|restart, rival| {
            let t = rival.map(|r| labels_of(r, images));
            let loss = |z: Tensor<2>| match &t {
                Some(t) => targeted_ratio(z, &y, t),
                None => self.loss.of(z, &y),
            };
            let from = ball.project(images, images.clone() + batch.random_in(&ball, restart));
            self.climb(oracle, &ball, images, from, &loss)
        })
    }

    /// The point of highest loss on one ascent.
    fn climb(
        &self,
        oracle: &Oracle,
        ball: &Ball,
        images: &Tensor<4>,
        from: Tensor<4>,
        loss: &dyn Fn(Tensor<2>) -> Tensor<1>,
    ) -> Tensor<4> {
        let n = images.dims()[0];
        let checks = checkpoints(self.steps);
        let (mut last, (first, mut gradient)) = (from.clone(), oracle.gradient(&from, loss));
        let (mut x, mut best) = (from.clone(), from);
        let mut best_gradient = gradient.clone();
        let step = vec![2.0 * ball.epsilon as f32; n];
        let mut track = Track {
            best_before: first.clone(),
            step_before: step.clone(),
            best: first.clone(),
            step,
            raised: vec![0; n],
        };
        let mut before = first;
        for k in 0..self.steps {
            let z = ball.project(images, x.clone() + ball.steepest(gradient) * each(&track.step, images));
            let share = if k == 0 { 1.0 } else { 0.75 };
            let momentum = (x.clone() - last).mul_scalar(1.0 - share);
            let next = ball.project(images, x.clone() + (z - x.clone()).mul_scalar(share) + momentum);
            last = x;
            x = next;
            let (now, slope) = oracle.gradient(&x, loss);
            gradient = slope;
            let better: Vec<bool> = now.iter().zip(&track.best).map(|(now, best)| now > best).collect();
            best = pick(&better, x.clone(), best);
            best_gradient = pick(&better, gradient.clone(), best_gradient);
            for i in 0..n {
                track.raised[i] += u32::from(now[i] > before[i]);
                track.best[i] = track.best[i].max(now[i]);
            }
            before = now;
            if let Some(at) = checks.iter().position(|c| *c == k + 1).filter(|at| *at > 0) {
                let halved = track.check(checks[at] - checks[at - 1]);
                x = pick(&halved, best.clone(), x);
                gradient = pick(&halved, best_gradient.clone(), gradient);
            }
        }
        best
    }
}

impl Track {
    /// Halves the steps that do not pay over the last `period` steps; tells which.
    fn check(&mut self, period: u32) -> Vec<bool> {
        let halve = |i: usize| {
            let few = f64::from(self.raised[i]) < RHO * f64::from(period);
            let stuck = self.step_before[i] == self.step[i] && self.best_before[i] == self.best[i];
            few || stuck
        };
        let halved: Vec<bool> = (0..self.step.len()).map(halve).collect();
        self.step_before.clone_from(&self.step);
        self.best_before.clone_from(&self.best);
        for (step, _) in self.step.iter_mut().zip(&halved).filter(|(_, h)| **h) {
            *step /= 2.0;
        }
        self.raised.fill(0);
        halved
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The reference implementation's places for 100 steps.
    #[test]
    fn checkpoints_come_closer() {
        assert_eq!(checkpoints(100), [0, 22, 41, 57, 70, 80, 87, 93, 99]);
    }
}
