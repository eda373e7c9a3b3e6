//! DeepFool (Moosavi-Dezfooli et al. 2016, arXiv:1511.04599): the nearest boundary of the linearised classifier, step by step.

use super::ball::{Ball, Norm};
use super::found::Found;
use super::oracle::{Oracle, each, labels_of, pick, values};
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
        let rivals = oracle.rivals(images, &first, self.candidates.saturating_sub(1));
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

    /// The shortest step of each image to a linearised boundary.
    fn step(&self, oracle: &Oracle, x: &Tensor<4>, first: &[i32], rivals: &[Vec<i32>]) -> Tensor<4> {
        let mut best = vec![f32::INFINITY; first.len()];
        let mut step = x.zeros_like();
        let (own, ball) = (labels_of(first, x), Ball { norm: self.norm, epsilon: 1.0 });
        for rival in rivals {
            let other = labels_of(rival, x);
            let (gap, slope) =
                oracle.gradient(x, &|z: Tensor<2>| of_label(z.clone(), &other) - of_label(z, &own));
            let dual = values(ball.dual(&slope));
            let reach: Vec<f32> = gap.iter().zip(&dual).map(|(g, d)| g.abs() / d).collect();
            let nearer: Vec<bool> = reach.iter().zip(&best).map(|(r, b)| r < b).collect();
            let length: Vec<f32> = reach.iter().map(|r| r + 1e-4 / 255.0).collect();
            step = pick(&nearer, ball.steepest(slope) * each(&length, x), step);
            best.iter_mut().zip(reach).zip(nearer).filter(|(_, n)| *n).for_each(|((b, r), _)| *b = r);
        }
        step
    }
}

fn differs(classes: &[i32], labels: &[i32]) -> Vec<bool> {
    classes.iter().zip(labels).map(|(c, l)| c != l).collect()
}
