//! Attacks of a fixed size by signed or normalised gradient steps: FGSM, BIM, PGD, their targeted forms, MultiTargeted.

use super::objective::Loss;
use super::oracle::{Oracle, labels_of};
use super::pgd::Pgd;
use super::rounds::rounds;
use crate::methods::loss::of_label;
use crate::methods::{Batch, first_point_of};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Which loss an ascent raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// Away from the label.
    Away,
    /// `z_t - z_y` for each of the other classes t in turn (Gowal et al. 2019, arXiv:1910.09338).
    EachClass,
}

/// Projected ascent with restarts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ascent {
    /// Steps, ball and start; the ball's size is that of the run.
    #[serde(flatten)]
    pub pgd: Pgd,
    /// The loss (not read by [`Aim::EachClass`]).
    pub loss: Loss,
    /// Where it goes.
    pub aim: Aim,
    /// Random starts, at least 1.
    pub restarts: u32,
}

impl Ascent {
    /// For each image of `batch` one within `epsilon` that is given another class than `labels`, or the original;
    /// and whether it was found. The step keeps its proportion to the ball.
    #[must_use]
    pub fn run(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>) {
        let scale = if self.pgd.epsilon > 0.0 { epsilon / self.pgd.epsilon } else { 1.0 };
        let pgd = Pgd { epsilon, step: self.pgd.step * scale, ..self.pgd };
        let rivals = (self.aim == Aim::EachClass).then_some(usize::MAX);
        rounds(oracle, (&batch.images, labels), self.restarts, rivals, &|restart, rival| {
            self.climb(oracle, &pgd, batch, labels, (restart, rival))
        })
    }

    /// The end of one ascent, whether it fools or not.
    pub(super) fn climb(
        &self,
        oracle: &Oracle,
        pgd: &Pgd,
        batch: &Batch,
        labels: &[i32],
        (restart, rival): (u32, Option<&[i32]>),
    ) -> Tensor<4> {
        let (images, ball) = (&batch.images, pgd.ball());
        let y = labels_of(labels, images);
        let t = rival.map(|r| labels_of(r, images));
        let loss = |z: Tensor<2>| match &t {
            Some(t) => of_label(z.clone(), t) - of_label(z, &y),
            None => self.loss.of(z, &y),
        };
        let mut x = ball.project(images, first_point_of(pgd, batch, restart));
        for _ in 0..pgd.steps {
            let (_, gradient) = oracle.gradient(&x, &loss);
            x = ball.project(images, x + ball.steepest(gradient).mul_scalar(pgd.step));
        }
        x
    }
}
