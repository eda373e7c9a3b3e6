//! Jacobian saliency map attack (Papernot et al. 2016, arXiv:1511.07528): pairs of values, those that raise the target most
//! and all other classes least. Few values change, by up to the whole radius of an L-infinity ball; with radius 1 this is the
//! attack as published.

use super::ball::Norm;
use super::found::Found;
use super::oracle::{Oracle, labels_of};
use crate::methods::loss::of_label;
use burn::tensor::activation::softmax;
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Of what saliency is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Saliency {
    /// Probabilities.
    F,
    /// Logits.
    Z,
}

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Jsma {
    /// Of what saliency is taken.
    pub of: Saliency,
    /// Change of a value in a step, as a share of the ball's radius; below 0 values are lowered.
    pub theta: f64,
    /// Largest share of values that may change.
    pub share: f64,
    /// How many of the other classes, by logit, are aimed at in turn.
    pub targets: usize,
}

/// The values of a batch on their way.
struct Moving {
    x: Vec<f32>,
    ends: Vec<f32>,
    step: f32,
    dims: [usize; 4],
}

impl Moving {
    fn tensor(&self, like: &Tensor<4>) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.x.clone(), self.dims), &like.device())
    }

    /// Moves a value of the batch; it stays within its end.
    fn push(&mut self, at: usize) {
        let (to, end) = (self.x[at] + self.step, self.ends[at]);
        self.x[at] = if self.step > 0.0 { to.min(end) } else { to.max(end) };
    }
}

impl Jsma {
    /// Images within `epsilon` that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32], epsilon: f64) -> Found {
        let mut found = Found::new(Norm::Linf, images, &oracle.fooled(images, labels));
        for rival in oracle.rivals(images, labels, self.targets) {
            self.push(oracle, (images, labels), &rival, epsilon, &mut found);
        }
        found
    }

    fn push(
        &self,
        oracle: &Oracle,
        (images, labels): (&Tensor<4>, &[i32]),
        rival: &[i32],
        epsilon: f64,
        found: &mut Found,
    ) {
        let dims = images.dims();
        let each = dims[1] * dims[2] * dims[3];
        let mut moving = self.start(images, epsilon);
        let mut stuck = found.success();
        for _ in 0..(each as f64 * self.share / 2.0).floor() as usize {
            if stuck.iter().all(|s| *s) {
                break;
            }
            let [rise, others] = self.slopes(oracle, &moving.tensor(images), rival);
            let pairs: Vec<Option<[usize; 2]>> = (0..labels.len())
                .into_par_iter()
                .map(|i| {
                    let range = i * each..(i + 1) * each;
                    let room = |v: usize| moving.x[v] != moving.ends[v];
                    let points: Vec<(usize, [f32; 2])> =
                        range.filter(|v| room(*v)).map(|v| (v, [rise[v], -others[v]])).collect();
                    if stuck[i] { None } else { pair(points, self.theta.signum() as f32) }
                })
                .collect();
            for (stuck, pair) in stuck.iter_mut().zip(&pairs) {
                *stuck = pair.is_none();
            }
            pairs.into_iter().flatten().flatten().for_each(|at| moving.push(at));
            let x = moving.tensor(images);
            let fooled = oracle.fooled(&x, labels);
            found.offer(&x, &fooled);
            stuck.iter_mut().zip(fooled).for_each(|(s, f)| *s |= f);
        }
    }

    fn start(&self, images: &Tensor<4>, epsilon: f64) -> Moving {
        let x: Vec<f32> = images.clone().into_data().iter::<f32>().collect();
        let way = epsilon * self.theta.signum();
        let ends = x.iter().map(|v| (f64::from(*v) + way).clamp(0.0, 1.0) as f32).collect();
        Moving { x, ends, step: (self.theta * epsilon) as f32, dims: images.dims() }
    }

    /// Gradients of the target's output and of the sum of all others.
    fn slopes(&self, oracle: &Oracle, x: &Tensor<4>, rival: &[i32]) -> [Vec<f32>; 2] {
        let t = labels_of(rival, x);
        let out = |z: Tensor<2>| if self.of == Saliency::F { softmax(z, 1) } else { z };
        let sum = |rows: Tensor<2>| {
            let [n, _] = rows.dims();
            rows.sum_dim(1).reshape([n])
        };
        let (_, rise) = oracle.gradient(x, &|z| of_label(out(z), &t));
        let (_, others) = oracle.gradient(x, &|z| sum(out(z.clone())) - of_label(out(z), &t));
        [rise, others].map(|g| g.into_data().iter::<f32>().collect())
    }
}

/// The pair of `points` (place; rise of the target, fall of the others, per unit of change upwards) with the largest product of
/// the sums of both, both of which must be above 0.
fn pair(points: Vec<(usize, [f32; 2])>, way: f32) -> Option<[usize; 2]> {
    let mut points: Vec<_> = points.into_iter().map(|(v, [a, b])| (v, a * way, b * way)).collect();
    points.sort_by(|p, q| q.1.total_cmp(&p.1).then(q.2.total_cmp(&p.2)));
    // A point that two others surpass in both is in no best pair: one of them could take its place.
    let (mut first, mut second) = (f32::NEG_INFINITY, f32::NEG_INFINITY);
    points.retain(|p| {
        let keep = p.2 > second;
        if p.2 > first {
            (first, second) = (p.2, first);
        } else if keep {
            second = p.2;
        }
        keep
    });
    let mut best = (0.0, None);
    for (i, p) in points.iter().enumerate() {
        for q in points.iter().skip(i + 1) {
            let (rise, fall) = (p.1 + q.1, p.2 + q.2);
            if rise > 0.0 && fall > 0.0 && rise * fall > best.0 {
                best = (rise * fall, Some([p.0, q.0]));
            }
        }
    }
    best.1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Normals, Stream, stream};

    #[test]
    fn the_pair_is_the_best_of_all() {
        let mut random = Normals::new(stream(8, Stream::Weights));
        for case in 0..200 {
            // Later cases are mostly negative, some without a pair.
            let shift = case as f32 / 80.0;
            let points: Vec<(usize, [f32; 2])> =
                (0..2 + case % 30).map(|i| (i, [random.draw() - shift, random.draw() - shift])).collect();
            let score = |[p, q]: [usize; 2]| {
                let [rise, fall] = [0, 1].map(|k| points[p].1[k] + points[q].1[k]);
                if rise > 0.0 && fall > 0.0 { rise * fall } else { 0.0 }
            };
            let all = (0..points.len()).flat_map(|p| (p + 1..points.len()).map(move |q| [p, q]));
            let best = all.map(score).fold(0.0, f32::max);
            assert_eq!(pair(points.clone(), 1.0).map_or(0.0, score), best);
        }
    }
}
