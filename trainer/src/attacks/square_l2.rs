//! Square attack in L2 (Andriushchenko et al. 2020, arXiv:1912.00049, algorithm 3): the norm that one window of the
//! perturbation has is given to another, which also gets a pattern; it asks for logits only.

use super::ball::{Ball, Norm, unit};
use super::best::Best;
use super::oracle::Oracle;
use super::square::share_at;
use crate::methods::Batch;
use crate::random::{Stream, below, stream};
use burn::tensor::{Tensor, TensorData};
use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::{Deserialize, Serialize};

/// The attack's numbers. It asks `queries` times at most: it ends when all images fool.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SquareL2 {
    /// Candidates for each image, at least 1.
    pub queries: u32,
    /// Share of the image that the first windows cover.
    pub share: f64,
}

/// Least side of a window: smaller ones have no pattern.
const LEAST: usize = 3;
/// Tiles along a side of the first perturbation.
const TILES: usize = 5;
/// Smallest norm that is divided by.
const TINY: f32 = 1e-12;

impl SquareL2 {
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
        let images = &batch.images;
        let ball = Ball { norm: Norm::L2, epsilon };
        let tiles = unit(tiled(batch)).mul_scalar(epsilon);
        let mut best = Best::new(oracle, labels, &ball.project(images, images.clone() + tiles));
        for query in 1..self.queries {
            if best.is_done() {
                break;
            }
            let delta = self.proposal(batch, best.images().clone() - images.clone(), query, epsilon);
            best.offer(ball.project(images, images.clone() + delta));
        }
        best.result()
    }

    /// `delta` with a window emptied and another filled, at the same random places in all channels of an image.
    fn proposal(&self, batch: &Batch, delta: Tensor<4>, query: u32, epsilon: f64) -> Tensor<4> {
        let [_, c, h, w] = delta.dims();
        let area = share_at(self.share, query, self.queries) * (h * w) as f64;
        let side = (area.sqrt().round() as usize).max(LEAST).min(h.min(w));
        changed(batch, query, delta, &|random, image| {
            let squared: f32 = image.iter().map(|v| v * v).sum();
            let unused = ((epsilon * epsilon) as f32 - squared).max(0.0) / c as f32;
            let (filled, emptied) = (window(random, (h, w), side), window(random, (h, w), side));
            let pattern = pattern(side, coin(random));
            for plane in image.chunks_exact_mut(h * w) {
                let sign = if coin(random) { 1.0 } else { -1.0 };
                shift(plane, (&filled, &emptied), &pattern, sign, unused);
            }
        })
    }
}

/// Patterns of random sign and direction, side by side.
fn tiled(batch: &Batch) -> Tensor<4> {
    let [_, _, h, w] = batch.images.dims();
    let side = (h.min(w) / TILES).max(1);
    changed(batch, 0, batch.images.zeros_like(), &|random, image| {
        for plane in image.chunks_exact_mut(h * w) {
            for (top, left) in (0..=h - side)
                .step_by(side)
                .flat_map(|top| (0..=w - side).step_by(side).map(move |left| (top, left)))
            {
                let sign = if coin(random) { 1.0 } else { -1.0 };
                let pattern = pattern(side, coin(random));
                places(w, (top, left), side).zip(pattern).for_each(|(i, p)| plane[i] = sign * p);
            }
        }
    })
}

/// `delta` after `change` of each image's values, which is given stream `number` of the image.
fn changed(
    batch: &Batch,
    number: u32,
    delta: Tensor<4>,
    change: &dyn Fn(&mut Xoshiro256PlusPlus, &mut [f32]),
) -> Tensor<4> {
    let (dims, device) = (delta.dims(), delta.device());
    let mut values: Vec<f32> = delta.into_data().iter::<f32>().collect();
    for (image, &index) in values.chunks_exact_mut(dims[1] * dims[2] * dims[3]).zip(&batch.ids) {
        let of = Stream::Start { epoch: batch.epoch, index, restart: number };
        change(&mut stream(batch.seed, of), image);
    }
    Tensor::from_data(TensorData::new(values, dims), &device)
}

/// Gives the norm that a channel has in both windows, and what is `unused`, to the first: along its own direction plus the
/// pattern's.
fn shift(
    plane: &mut [f32],
    (filled, emptied): (&[usize], &[usize]),
    pattern: &[f32],
    sign: f32,
    unused: f32,
) {
    let length = |values: &mut dyn Iterator<Item = f32>| values.map(|v| v * v).sum::<f32>().sqrt();
    let own = length(&mut filled.iter().map(|i| plane[*i])).max(TINY);
    let sum: Vec<f32> = filled.iter().zip(pattern).map(|(i, p)| sign * p + plane[*i] / own).collect();
    let before = length(&mut plane.iter().copied());
    filled.iter().chain(emptied).for_each(|i| plane[*i] = 0.0);
    let after = length(&mut plane.iter().copied());
    let available = (before * before - after * after + unused).max(0.0).sqrt();
    let scale = available / length(&mut sum.iter().copied()).max(TINY);
    filled.iter().zip(sum).for_each(|(i, s)| plane[*i] = s * scale);
}

/// Places of a square in a channel of `w` columns, row by row.
fn places(w: usize, (top, left): (usize, usize), side: usize) -> impl Iterator<Item = usize> {
    (top..top + side).flat_map(move |row| (left..left + side).map(move |column| row * w + column))
}

/// Places of a square anywhere.
fn window(random: &mut Xoshiro256PlusPlus, (h, w): (usize, usize), side: usize) -> Vec<usize> {
    let top = below(random, (h - side + 1) as u32) as usize;
    let left = below(random, (w - side + 1) as u32) as usize;
    places(w, (top, left), side).collect()
}

fn coin(random: &mut Xoshiro256PlusPlus) -> bool {
    random.next_u32() & 1 == 0
}

/// A square of norm 1 whose left half, or upper, rises to a summit, and whose other falls to one (equation 2 and the halves
/// below it).
fn pattern(side: usize, upright: bool) -> Vec<f32> {
    let (left, half) = (hump(side, side / 2), side / 2);
    let right = hump(side, side - half);
    let at = |row: usize, column: usize| {
        if column < half { left[row * half + column] } else { -right[row * (side - half) + column - half] }
    };
    let values: Vec<f32> = (0..side * side)
        .map(|i| (i / side, i % side))
        .map(|(row, column)| if upright { at(row, column) } else { at(column, row) })
        .collect();
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.into_iter().map(|v| v / length).collect()
}

/// `sum_{k = 0}^{M} 1 / (n + 1 - k)^2` with n half the rows and M n less the distance from the middle.
fn hump(rows: usize, columns: usize) -> Vec<f32> {
    let n = rows / 2;
    let value = |i: usize| {
        let far = (i / columns).abs_diff(n).max((i % columns).abs_diff(columns / 2));
        (far + 1..=n + 1).map(|k| 1.0 / (k * k) as f32).sum()
    };
    (0..rows * columns).map(value).collect()
}
