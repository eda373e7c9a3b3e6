//! ZOO (Chen et al. 2017, arXiv:1708.03999, algorithm 2): Carlini and Wagner's L2 attack with slopes by differences of logits,
//! a few coordinates at a time.

use super::ball::Norm;
use super::carlini::search_weights;
use super::found::Found;
use super::objective::margin;
use super::oracle::{Oracle, each, labels_of};
use crate::methods::Batch;
use crate::random::{Stream, below, stream};
use burn::tensor::{IndexingUpdateOp, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// The attack's numbers. It asks `1 + searches * steps * (2 * coordinates + 1)` times.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Zoo {
    /// Coordinates in each step.
    pub coordinates: u32,
    /// How far a slope is looked for: a grey level, since rounding in a network's logits drowns what is much less.
    pub reach: f64,
    /// Steps for each weight.
    pub steps: u32,
    /// Rate of Adam.
    pub rate: f64,
    /// Weights tried: tenfold until the first success, then halving the interval.
    pub searches: u32,
    /// First weight.
    pub weight: f64,
}

impl Zoo {
    /// The nearest images in L2 that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, batch: &Batch, labels: &[i32]) -> Found {
        let y = labels_of(labels, &batch.images);
        let gaps = oracle.losses(&batch.images, &|z| margin(z, &y));
        let wrong: Vec<bool> = gaps.iter().map(|g| *g > 0.0).collect();
        let mut found = Found::new(Norm::L2, &batch.images, &wrong);
        let mut search = 0;
        search_weights(labels.len(), self.weight, self.searches, &mut |weight| {
            search += 1;
            self.descend(oracle, batch, &y, weight, (search - 1) * self.steps, &mut found)
        });
        found
    }

    /// Minimises `||x' - x||^2 + weight * max(Z_y - Z_m, 0)`; tells which images were fooled on the way.
    fn descend(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        y: &Tensor<1, Int>,
        weight: &[f32],
        first: u32,
        found: &mut Found,
    ) -> Vec<bool> {
        let [n, c, h, w] = batch.images.dims();
        let flat = batch.images.clone().reshape([n, c * h * w]);
        let weight = each(weight, &batch.images).reshape([n, 1]);
        let goal = |x: &Tensor<2>, other: &Tensor<2>| {
            let image = |x: &Tensor<2>| x.clone().reshape([n, c, h, w]);
            oracle.rises(&image(x), &image(other), &|z| margin(z, y).neg().clamp_min(0.0))
        };
        let mut x = flat.clone();
        let mut adam = Coordinates::new(&flat, self.rate);
        let mut ever = vec![false; batch.len()];
        for step in 0..self.steps {
            let at = self.choose(batch, first + step);
            let slope = self.slopes(&x, &at, &goal) * weight.clone();
            let pull = (x.clone() - flat.clone()).gather(1, at.clone()).mul_scalar(2.0);
            x = adam.step(x, &at, pull + slope).clamp(0.0, 1.0);
            let images = x.clone().reshape([n, c, h, w]);
            let gaps = oracle.losses(&images, &|z| margin(z, y));
            let wrong: Vec<bool> = gaps.iter().map(|g| *g > 0.0).collect();
            found.offer(&images, &wrong);
            ever.iter_mut().zip(wrong).for_each(|(e, w)| *e |= w);
        }
        ever
    }

    /// The slope of `goal` at `x` along each of the coordinates `at`, `[n, coordinates]`.
    fn slopes(
        &self,
        x: &Tensor<2>,
        at: &Tensor<2, Int>,
        goal: &dyn Fn(&Tensor<2>, &Tensor<2>) -> Vec<f32>,
    ) -> Tensor<2> {
        let [n, count] = at.dims();
        let slope = |i: usize| {
            let at = at.clone().slice([0..n, i..i + 1]);
            let moved = |by: f64| {
                let by = at.clone().float().zeros_like().add_scalar(by);
                x.clone().scatter(1, at.clone(), by, IndexingUpdateOp::Add).clamp(0.0, 1.0)
            };
            let (up, down) = (moved(self.reach), moved(-self.reach));
            // At the edge of the box one side is shorter.
            let way = (up.clone() - down.clone()).gather(1, at.clone()).clamp_min(1e-6);
            let rises = TensorData::new(goal(&up, &down), [n, 1]);
            Tensor::<2>::from_data(rises, &x.device()) / way
        };
        Tensor::cat((0..count).map(slope).collect(), 1)
    }

    /// Distinct random coordinates of each image, `[n, coordinates]`.
    fn choose(&self, batch: &Batch, number: u32) -> Tensor<2, Int> {
        let [n, c, h, w] = batch.images.dims();
        let size = (c * h * w) as u32;
        let count = self.coordinates.min(size);
        let mut chosen = Vec::with_capacity(n * count as usize);
        for &index in &batch.ids {
            let of = Stream::Start { epoch: batch.epoch, index, restart: number };
            let mut random = stream(batch.seed, of);
            let mut all: Vec<i32> = (0..size as i32).collect();
            for i in 0..count {
                all.swap(i as usize, (i + below(&mut random, size - i)) as usize);
            }
            chosen.extend_from_slice(&all[..count as usize]);
        }
        Tensor::from_data(TensorData::new(chosen, [n, count as usize]), &batch.images.device())
    }
}

/// Adam (Kingma and Ba 2015) on one coordinate at a time: each has moments and a count of steps of its own.
struct Coordinates {
    rate: f64,
    first: Tensor<2>,
    second: Tensor<2>,
    steps: Tensor<2>,
}

impl Coordinates {
    fn new(like: &Tensor<2>, rate: f64) -> Self {
        let zeros = like.zeros_like();
        Self { rate, first: zeros.clone(), second: zeros.clone(), steps: zeros }
    }

    /// `x` after a step down `gradient` at the coordinates `at`.
    fn step(&mut self, x: Tensor<2>, at: &Tensor<2, Int>, gradient: Tensor<2>) -> Tensor<2> {
        let add =
            |to: &Tensor<2>, by: Tensor<2>| to.clone().scatter(1, at.clone(), by, IndexingUpdateOp::Add);
        let mean = |of: &Tensor<2>, now: Tensor<2>, keep: f64| {
            add(of, (now - of.clone().gather(1, at.clone())).mul_scalar(1.0 - keep))
        };
        self.first = mean(&self.first, gradient.clone(), 0.9);
        self.second = mean(&self.second, gradient.clone().square(), 0.999);
        self.steps = add(&self.steps, gradient.ones_like());
        let steps = self.steps.clone().gather(1, at.clone());
        // 1 - keep^steps
        let share = |keep: f64| steps.clone().mul_scalar(keep.ln()).exp().neg().add_scalar(1.0);
        let first = self.first.clone().gather(1, at.clone()) / share(0.9);
        let second = self.second.clone().gather(1, at.clone()) / share(0.999);
        add(&x, (first / second.sqrt().add_scalar(1e-8)).mul_scalar(-self.rate))
    }
}
