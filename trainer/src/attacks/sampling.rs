//! Random images of the ball: what a gradient has to do better than (Athalye et al. 2018, arXiv:1802.00420, section 3.1).

use super::ball::{Ball, Norm};
use super::best::Best;
use super::oracle::Oracle;
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Where perturbations are drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Spread {
    /// All of the ball.
    Ball,
    /// Its corners in L-infinity, its sphere in L2.
    Edge,
    /// Normal values whose deviation is the ball's size, brought into it.
    Normal,
}

/// The attack's numbers. It asks `1 + draws` times at most: it ends when all images fool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// Norm of the ball.
    pub norm: Norm,
    /// Where from.
    pub spread: Spread,
    /// How many for each image.
    pub draws: u32,
}

impl Sampling {
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
        let ball = Ball { norm: self.norm, epsilon };
        let mut best = Best::new(oracle, labels, &batch.images);
        for draw in 0..self.draws {
            if best.is_done() {
                break;
            }
            let delta = match self.spread {
                Spread::Ball => batch.random_in(&ball, draw),
                Spread::Edge => ball.steepest(batch.start_normal(draw)).mul_scalar(epsilon),
                Spread::Normal => batch.start_normal(draw).mul_scalar(epsilon),
            };
            best.offer(ball.project(&batch.images, batch.images.clone() + delta));
        }
        best.result()
    }
}
