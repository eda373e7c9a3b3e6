//! Carlini and Wagner's L2 attack (2017, arXiv:1608.04644): seven objectives and three ways to stay in the box.

use super::ball::{Norm, lengths};
use super::found::Found;
use super::objective::margin;
use super::oracle::{Oracle, each, labels_of};
use crate::methods::loss::{best_other, of_label};
use burn::tensor::activation::{log_softmax, softmax, softplus};
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// What is lowered beside the distance, written for an attack without target: F are probabilities, Z logits, y the label
/// and m the best other class (the paper's section V.A, with the roles of target and others exchanged).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// `-CE(x', y)`, which never lets go.
    F1,
    /// `max(F_y - F_m, 0)`.
    F2,
    /// `softplus(F_y - F_m) - ln 2`.
    F3,
    /// `max(F_y - 1/2, 0)`.
    F4,
    /// `max(-ln(2 (1 - F_y)), 0)`.
    F5,
    /// `max(Z_y - Z_m, -kappa)`: the one they recommend.
    F6,
    /// `softplus(Z_y - Z_m) - ln 2`.
    F7,
}

/// How values stay in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Inside {
    /// `x' = (tanh(w) + 1) / 2`.
    Tanh,
    /// The network sees the clipped image; the step does not.
    Clipped,
    /// Each step is clipped.
    Projected,
}

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Carlini {
    /// What is lowered.
    pub goal: Goal,
    /// How the box is kept.
    pub inside: Inside,
    /// Confidence asked for, a logit difference (F6).
    pub kappa: f64,
    /// Steps of Adam for each weight.
    pub steps: u32,
    /// Rate of Adam.
    pub rate: f64,
    /// Weights tried: tenfold until the first success, then halving the interval.
    pub searches: u32,
    /// First weight.
    pub weight: f64,
}

impl Inside {
    /// The image that the variable `w` stands for.
    pub(super) fn image(self, w: &Tensor<4>) -> Tensor<4> {
        match self {
            Self::Tanh => w.clone().tanh().add_scalar(1.0).mul_scalar(0.5),
            Self::Clipped => w.clone().clamp(0.0, 1.0),
            Self::Projected => w.clone(),
        }
    }

    /// The variable that stands for the image.
    pub(super) fn variable(self, images: &Tensor<4>) -> Tensor<4> {
        match self {
            Self::Tanh => {
                // Kept away from the ends, where the inverse is infinite.
                let u = images.clone().mul_scalar(2.0).sub_scalar(1.0).mul_scalar(0.999_999);
                let up = u.clone().add_scalar(1.0);
                let down = u.neg().add_scalar(1.0);
                (up / down).log().mul_scalar(0.5)
            }
            Self::Clipped | Self::Projected => images.clone(),
        }
    }
}

/// Calls `descend` with a weight for each of `n` images `searches` times: `first`, tenfold until it first tells of a success,
/// then by halving the interval.
pub(super) fn search_weights(
    n: usize,
    first: f64,
    searches: u32,
    descend: &mut dyn FnMut(&[f32]) -> Vec<bool>,
) {
    let mut weight = vec![first as f32; n];
    let (mut low, mut high) = (vec![0.0f32; n], vec![f32::INFINITY; n]);
    for _ in 0..searches {
        let success = descend(&weight);
        for i in 0..n {
            if success[i] {
                high[i] = high[i].min(weight[i]);
            } else {
                low[i] = low[i].max(weight[i]);
            }
            weight[i] = if high[i].is_finite() { 0.5 * (low[i] + high[i]) } else { weight[i] * 10.0 };
        }
    }
}

impl Carlini {
    pub(super) fn goal(&self, z: Tensor<2>, y: &Tensor<1, Int>) -> Tensor<1> {
        let gap = |t: Tensor<2>| of_label(t.clone(), y) - best_other(t, y);
        let own = |z: Tensor<2>| of_label(softmax(z, 1), y);
        match self.goal {
            Goal::F1 => of_label(log_softmax(z, 1), y),
            Goal::F2 => gap(softmax(z, 1)).clamp_min(0.0),
            Goal::F3 => softplus(gap(softmax(z, 1)), 1.0).sub_scalar(core::f64::consts::LN_2),
            Goal::F4 => own(z).sub_scalar(0.5).clamp_min(0.0),
            Goal::F5 => {
                let others = own(z).neg().add_scalar(1.0).clamp_min(1e-20);
                others.mul_scalar(2.0).log().neg().clamp_min(0.0)
            }
            Goal::F6 => gap(z).clamp_min(-self.kappa),
            Goal::F7 => softplus(gap(z), 1.0).sub_scalar(core::f64::consts::LN_2),
        }
    }

    /// The nearest images that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let [n, _, h, w] = images.dims();
        self.run_within(oracle, (images, labels), &Tensor::ones([n, 1, h, w], &images.device()))
    }

    /// The same with changes only where `allowed`, `[n, 1, height, width]`, is 1 and not 0.
    pub(super) fn run_within(
        &self,
        oracle: &Oracle,
        (images, labels): (&Tensor<4>, &[i32]),
        allowed: &Tensor<4>,
    ) -> Found {
        let fooled = oracle.fooled(images, labels);
        let mut found = Found::new(Norm::L2, images, &fooled);
        search_weights(labels.len(), self.weight, self.searches, &mut |weight| {
            self.descend(oracle, (images, labels, allowed), weight, &mut found)
        });
        found
    }

    /// Minimises `||x' - x||^2 + weight * goal`; tells which images were fooled on the way.
    fn descend(
        &self,
        oracle: &Oracle,
        (images, labels, allowed): (&Tensor<4>, &[i32], &Tensor<4>),
        weight: &[f32],
        found: &mut Found,
    ) -> Vec<bool> {
        let y = labels_of(labels, images);
        let mut w = self.inside.variable(images);
        let mut adam = Adam::new(&w, self.rate);
        let mut ever = vec![false; labels.len()];
        let mut least = vec![f32::INFINITY; labels.len()];
        let patience = (self.steps / 10).max(1);
        for step in 1..=self.steps {
            let x = images.clone() + (self.inside.image(&w) - images.clone()) * allowed.clone();
            let x = x.clamp(0.0, 1.0);
            let (goals, gaps, slope) = oracle.gradient_beside(&x, &|z| self.goal(z, &y), &|z| margin(z, &y));
            let wrong: Vec<bool> = gaps.iter().map(|g| f64::from(*g) > self.kappa.max(0.0)).collect();
            found.offer(&x, &wrong);
            ever.iter_mut().zip(&wrong).for_each(|(e, w)| *e |= w);
            let delta = x.clone() - images.clone();
            let gradient = delta.clone().mul_scalar(2.0) + slope * each(weight, images);
            w = self.step(&mut adam, w, &x, gradient * allowed.clone());
            if step % patience == 0 {
                let distances = super::oracle::values(lengths(delta));
                let losses: Vec<f32> =
                    distances.iter().zip(weight).zip(&goals).map(|((d, c), g)| d * d + c * g).collect();
                if losses.iter().zip(&least).all(|(now, before)| *now > 0.9999 * before) {
                    break;
                }
                least = losses;
            }
        }
        ever
    }

    /// The variable after a step down the gradient by the image `x` that it stands for.
    pub(super) fn step(
        &self,
        adam: &mut Adam,
        w: Tensor<4>,
        x: &Tensor<4>,
        gradient: Tensor<4>,
    ) -> Tensor<4> {
        let w = adam.step(w.clone(), self.pull(&w, x, gradient));
        if self.inside == Inside::Projected { w.clamp(0.0, 1.0) } else { w }
    }

    /// The gradient by the variable from that by the image.
    fn pull(&self, w: &Tensor<4>, x: &Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        match self.inside {
            // d/dw (tanh(w) + 1) / 2 = (1 - tanh(w)^2) / 2
            Inside::Tanh => gradient * w.clone().tanh().square().neg().add_scalar(1.0).mul_scalar(0.5),
            // Clipped values do not move the network, and have no slope.
            Inside::Clipped => gradient * w.clone().equal(x.clone()).float(),
            Inside::Projected => gradient,
        }
    }
}

/// Adam (Kingma and Ba 2015) on one tensor.
pub(super) struct Adam {
    rate: f64,
    first: Tensor<4>,
    second: Tensor<4>,
    step: i32,
}

impl Adam {
    pub(super) fn new(like: &Tensor<4>, rate: f64) -> Self {
        Self { rate, first: like.zeros_like(), second: like.zeros_like(), step: 0 }
    }

    fn step(&mut self, w: Tensor<4>, gradient: Tensor<4>) -> Tensor<4> {
        self.step += 1;
        self.first = self.first.clone().mul_scalar(0.9) + gradient.clone().mul_scalar(0.1);
        self.second = self.second.clone().mul_scalar(0.999) + gradient.square().mul_scalar(0.001);
        let first = self.first.clone().div_scalar(1.0 - 0.9f64.powi(self.step));
        let second = self.second.clone().div_scalar(1.0 - 0.999f64.powi(self.step));
        w - (first / second.sqrt().add_scalar(1e-8)).mul_scalar(self.rate)
    }
}
