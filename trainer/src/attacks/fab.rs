//! Fast adaptive boundary attack (Croce and Hein 2020, arXiv:1907.02044, algorithm 1), L2 and L-infinity: projections onto
//! the linearised boundary, drawn to the original. It judges by single decisions: not for randomised classifiers.

use super::ball::{Ball, Norm, dots};
use super::found::{Found, norms};
use super::objective::margin;
use super::oracle::{Oracle, each, labels_of, pick, values};
use super::plane;
use crate::methods::Batch;
use crate::methods::loss::of_label;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Secant steps of the last search, between the image and what was found.
const SECANTS: u32 = 3;

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fab {
    /// Norm to be made small.
    pub norm: Norm,
    /// Steps.
    pub steps: u32,
    /// Starts, at least 1: the first at the image, others at random.
    pub restarts: u32,
    /// How many of the other classes, by logit, are aimed at in turn (FAB-T); 0: at each step the one with the nearest
    /// boundary (FAB).
    pub targets: usize,
    /// Largest weight of the projection of the original, alpha.
    pub bias: f64,
    /// Length of a step as a share of that to the boundary, eta.
    pub reach: f64,
    /// Share of the perturbation that is kept after a success, beta.
    pub back: f64,
}

impl Fab {
    /// The nearest images that are given another class than `labels`; starts after the first are within half of `epsilon`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, batch: &Batch, labels: &[i32], epsilon: f64) -> Found {
        let images = &batch.images;
        let mut found = Found::new(self.norm, images, &oracle.fooled(images, labels));
        let aimed = self.targets > 0;
        let rivals = oracle.rivals(images, labels, if aimed { self.targets } else { usize::MAX });
        let aims: Vec<&[Vec<i32>]> = if aimed { rivals.chunks(1).collect() } else { vec![&rivals] };
        for restart in 0..self.restarts {
            for aim in &aims {
                let from = self.first(batch, restart, &found, epsilon);
                self.walk(oracle, (images, labels), aim, from, &mut found);
            }
        }
        self.refine(oracle, (images, labels), &mut found);
        found
    }

    /// The image, or a random point at half the distance of what was found, and of `epsilon`.
    fn first(&self, batch: &Batch, restart: u32, found: &Found, epsilon: f64) -> Tensor<4> {
        let images = batch.images.clone();
        if restart == 0 {
            return images;
        }
        let way = match self.norm {
            Norm::Linf => batch.start_uniform(restart),
            Norm::L2 => batch.start_normal(restart),
        };
        let lengths = norms(self.norm, way.clone());
        let scale: Vec<f32> = found
            .distances
            .iter()
            .zip(lengths)
            .map(|(d, l)| 0.5 * d.min(epsilon as f32) / l.max(1e-12))
            .collect();
        (images.clone() + way * each(&scale, &images)).clamp(0.0, 1.0)
    }

    fn walk(
        &self,
        oracle: &Oracle,
        (images, labels): (&Tensor<4>, &[i32]),
        rivals: &[Vec<i32>],
        mut x: Tensor<4>,
        found: &mut Found,
    ) {
        for _ in 0..self.steps {
            let (gaps, slope) = self.boundary(oracle, &x, labels, rivals);
            let to_image = values(dots(slope.clone(), images.clone() - x.clone()));
            let from_image: Vec<f32> = gaps.iter().zip(to_image).map(|(g, t)| g + t).collect();
            let near = plane::nearest(self.norm, &x, &slope, &gaps) - x.clone();
            let far = plane::nearest(self.norm, images, &slope, &from_image) - images.clone();
            let bias = each(&self.biases(&near, &far), images);
            let step = x + near.mul_scalar(self.reach);
            let own = images.clone() + far.mul_scalar(self.reach);
            x = (step.clone() + (own - step) * bias).clamp(0.0, 1.0);
            let fooled = oracle.fooled(&x, labels);
            found.offer(&x, &fooled);
            let back = images.clone() + (x.clone() - images.clone()).mul_scalar(self.back);
            x = pick(&fooled, back, x);
        }
    }

    /// The weight of the original's projection: less, the nearer the boundary is to the point than to the original.
    fn biases(&self, near: &Tensor<4>, far: &Tensor<4>) -> Vec<f32> {
        let [near, far] = [near, far].map(|t| norms(self.norm, t.clone()));
        near.iter().zip(far).map(|(a, b)| (a / (a + b).max(1e-12)).min(self.bias as f32)).collect()
    }

    /// `z_k - z_y` and its gradient, for the class k among `rivals` whose linearised boundary is nearest.
    fn boundary(
        &self,
        oracle: &Oracle,
        x: &Tensor<4>,
        labels: &[i32],
        rivals: &[Vec<i32>],
    ) -> (Vec<f32>, Tensor<4>) {
        let (own, ball) = (labels_of(labels, x), Ball { norm: self.norm, epsilon: 1.0 });
        let (mut gaps, mut slope) = (vec![0.0; labels.len()], x.zeros_like());
        let mut least = vec![f32::INFINITY; labels.len()];
        for rival in rivals {
            let other = labels_of(rival, x);
            let (gap, rise) =
                oracle.gradient(x, &|z: Tensor<2>| of_label(z.clone(), &other) - of_label(z, &own));
            let dual = values(ball.dual(&rise));
            let reach: Vec<f32> = gap.iter().zip(&dual).map(|(g, d)| g.abs() / d).collect();
            let nearer: Vec<bool> = reach.iter().zip(&least).map(|(r, l)| r < l).collect();
            slope = pick(&nearer, rise, slope);
            for i in (0..labels.len()).filter(|i| nearer[*i]) {
                (least[i], gaps[i]) = (reach[i], gap[i]);
            }
        }
        (gaps, slope)
    }

    /// Moves what was found along the line to the image, to where the margin is 0 by the secant.
    fn refine(&self, oracle: &Oracle, (images, labels): (&Tensor<4>, &[i32]), found: &mut Found) {
        let y = labels_of(labels, images);
        let margins = |x: &Tensor<4>| oracle.losses(x, &|z| margin(z, &y));
        let whole = found.images.clone() - images.clone();
        let (mut low, mut high) = (vec![0.0; labels.len()], vec![1.0; labels.len()]);
        let (mut below, mut above) = (margins(images), margins(&found.images));
        for _ in 0..SECANTS {
            let secant = |i: usize| {
                let crosses = below[i] < 0.0 && above[i] > 0.0;
                let share = below[i] / (below[i] - above[i]);
                // A hundredth of the rest beyond the boundary: on it a rounding error decides.
                let beyond = share + 0.01 * (1.0 - share);
                if crosses { low[i] + (high[i] - low[i]) * beyond } else { high[i] }
            };
            let at: Vec<f32> = (0..labels.len()).map(secant).collect();
            let x = (images.clone() + whole.clone() * each(&at, images)).clamp(0.0, 1.0);
            let now = margins(&x);
            found.offer(&x, &now.iter().map(|m| *m > 0.0).collect::<Vec<_>>());
            for i in 0..labels.len() {
                if now[i] > 0.0 {
                    (high[i], above[i]) = (at[i], now[i]);
                } else {
                    (low[i], below[i]) = (at[i], now[i]);
                }
            }
        }
    }
}
