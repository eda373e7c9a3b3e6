//! DeepFool (Moosavi-Dezfooli et al. 2016, arXiv:1511.04599): the nearest boundary of the linearised classifier, step by step.

use super::ball::{Norm, lengths};
use super::found::Found;
use super::oracle::{Oracle, each, labels_of, pick};
use crate::methods::loss::of_label;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DeepFool {
    /// Norm to be made small.
    pub norm: Norm,
    /// Steps at most.
    pub steps: u32,
    /// Share by which the sum of all steps is lengthened.
    pub overshoot: f64,
    /// Classes whose boundaries are looked at: those with the largest logits.
    pub candidates: usize,
}

impl DeepFool {
    /// The nearest images that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let first = oracle.classes(images);
        let mut found = Found::new(self.norm, images, &differs(&first, labels));
        let rivals = self.rivals(oracle, images, &first);
        let mut total = images.zeros_like();
        for _ in 0..self.steps {
            let x = self.moved(images, &total);
            let fooled = oracle.fooled(&x, labels);
            found.offer(&x, &fooled);
            if fooled.iter().all(|f| *f) {
                break;
            }
            let step = self.step(oracle, &x, &first, &rivals);
            total = pick(&fooled, total.clone(), total + step);
        }
        let x = self.moved(images, &total);
        found.offer(&x, &oracle.fooled(&x, labels));
        found
    }

    fn moved(&self, images: &Tensor<4>, total: &Tensor<4>) -> Tensor<4> {
        (images.clone() + total.clone().mul_scalar(1.0 + self.overshoot)).clamp(0.0, 1.0)
    }

    /// For each rank the class of every image that has it, the first class left out.
    fn rivals(&self, oracle: &Oracle, images: &Tensor<4>, first: &[i32]) -> Vec<Vec<i32>> {
        let order = oracle.ranked(images);
        let ranks = order[0].len().min(self.candidates);
        let of = |rank: usize| {
            let others =
                order.iter().zip(first).map(|(o, f)| o.iter().copied().filter(move |c| c != f).nth(rank - 1));
            others.map(Option::unwrap_or_default).collect()
        };
        (1..ranks).map(of).collect()
    }

    /// The shortest step of each image to a linearised boundary.
    fn step(&self, oracle: &Oracle, x: &Tensor<4>, first: &[i32], rivals: &[Vec<i32>]) -> Tensor<4> {
        let mut best = vec![f32::INFINITY; first.len()];
        let mut step = x.zeros_like();
        let own = labels_of(first, x);
        for rival in rivals {
            let other = labels_of(rival, x);
            let (gap, slope) =
                oracle.gradient(x, &|z: Tensor<2>| of_label(z.clone(), &other) - of_label(z, &own));
            let dual = self.dual(&slope);
            let reach: Vec<f32> = gap.iter().zip(&dual).map(|(g, d)| g.abs() / d).collect();
            let nearer: Vec<bool> = reach.iter().zip(&best).map(|(r, b)| r < b).collect();
            let length: Vec<f32> = reach.iter().map(|r| r + 1e-4 / 255.0).collect();
            let direction = match self.norm {
                Norm::Linf => slope.sign(),
                Norm::L2 => slope.clone() / lengths(slope).clamp_min(1e-12),
            };
            step = pick(&nearer, direction * each(&length, x), step);
            best.iter_mut().zip(reach).zip(nearer).filter(|(_, n)| *n).for_each(|((b, r), _)| *b = r);
        }
        step
    }

    /// The dual norm of each slope.
    fn dual(&self, slope: &Tensor<4>) -> Vec<f32> {
        let [n, c, h, w] = slope.dims();
        let norms = match self.norm {
            Norm::L2 => lengths(slope.clone()),
            Norm::Linf => slope.clone().abs().reshape([n, c * h * w]).sum_dim(1).reshape([n, 1, 1, 1]),
        };
        super::oracle::values(norms.clamp_min(1e-12))
    }
}

fn differs(classes: &[i32], labels: &[i32]) -> Vec<bool> {
    classes.iter().zip(labels).map(|(c, l)| c != l).collect()
}
