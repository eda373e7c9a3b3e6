//! Ascent along a gradient estimated from differences of losses: natural evolution strategies (Ilyas et al. 2018,
//! arXiv:1804.08598) and SPSA (Uesato et al. 2018, arXiv:1802.05666).

use super::ball::{Ball, Norm};
use super::best::Best;
use super::objective::Loss;
use super::oracle::{Oracle, each};
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Directions that a loss is looked at along.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Probe {
    /// Standard normal values (NES).
    Normal,
    /// 1 or -1 in every place (SPSA).
    Signs,
}

/// The attack's numbers. It asks `1 + steps * (2 * pairs + 1)` times at most: it ends when all images fool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Nes {
    /// Norm of the ball.
    pub norm: Norm,
    /// Directions.
    pub probe: Probe,
    /// What rises.
    pub loss: Loss,
    /// Directions in each gradient, each looked at both ways.
    pub pairs: u32,
    /// How far, a factor of the direction.
    pub reach: f64,
    /// Steps.
    pub steps: u32,
    /// Length of a step, a share of the ball.
    pub step: f64,
}

impl Nes {
    /// For each image of `batch` one within `epsilon` that is given another class than `labels`, or the best that was found;
    /// and whether it is.
    #[must_use]
    pub fn run(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>) {
        let ball = Ball { norm: self.norm, epsilon };
        let mut x = batch.images.clone();
        let mut best = Best::new(oracle, labels, &x);
        for step in 0..self.steps {
            if best.is_done() {
                break;
            }
            let loss = |z: Tensor<2>| self.loss.of(z, best.labels());
            let slope = self.slope(oracle, batch, &x, step, &loss);
            x = ball.project(&batch.images, x + ball.steepest(slope).mul_scalar(self.step * epsilon));
            best.offer(x.clone());
        }
        best.result()
    }

    /// The estimated gradient at `x`, but for a factor. Probes are clipped: an image outside the box cannot be asked for.
    pub(super) fn slope(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        x: &Tensor<4>,
        step: u32,
        loss: &dyn Fn(Tensor<2>) -> Tensor<1>,
    ) -> Tensor<4> {
        let mut sum = x.zeros_like();
        for pair in 0..self.pairs {
            let direction = self.direction(batch, step * self.pairs + pair);
            let far = direction.clone().mul_scalar(self.reach);
            let up = (x.clone() + far.clone()).clamp(0.0, 1.0);
            let down = (x.clone() - far).clamp(0.0, 1.0);
            sum = sum + direction * each(&oracle.rises(&up, &down, loss), x);
        }
        sum
    }

    fn direction(&self, batch: &Batch, number: u32) -> Tensor<4> {
        match self.probe {
            Probe::Normal => batch.start_normal(number),
            Probe::Signs => {
                let positive = batch.start_uniform(number).greater_equal_elem(0.0).float();
                positive.mul_scalar(2.0).sub_scalar(1.0)
            }
        }
    }
}
