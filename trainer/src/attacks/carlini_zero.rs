//! Carlini and Wagner's L0 attack (2017, arXiv:1608.04644, section VI.B): their L2 attack on ever fewer pixels.

use super::ball::Norm;
use super::carlini::Carlini;
use super::found::Found;
use super::objective::margin;
use super::oracle::{Oracle, labels_of, pick};
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CarliniZero {
    /// The L2 attack.
    pub inner: Carlini,
    /// Share of the pixels taken away at a time. Where that is too many, half as many are, down to one: the end is that of
    /// taking them one by one, as published, after fewer rounds.
    pub share: f64,
}

/// The pixels of an image that may still change.
struct Pixels {
    /// Those of the last success, the least useful first.
    order: Vec<usize>,
    /// How many of these are on trial.
    cut: usize,
    done: bool,
}

impl Pixels {
    fn allowed(&self) -> &[usize] {
        self.order.get(self.cut..).unwrap_or_default()
    }

    /// After a success: those left are sorted by `use_of`.
    fn succeed(&mut self, share: f64, use_of: &[f32]) {
        self.order.drain(..self.cut);
        self.order.sort_by(|a, b| use_of[*a].total_cmp(&use_of[*b]));
        self.cut = ((self.order.len() as f64 * share) as usize).max(1);
        self.done = self.order.is_empty();
    }

    /// After a failure: fewer are taken away.
    fn fail(&mut self) {
        self.cut /= 2;
        self.done = self.cut == 0;
    }
}

impl CarliniZero {
    /// Images with few changed pixels that are given another class than `labels`; distances are in L2.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let [n, _, h, w] = images.dims();
        let all = || Pixels { order: (0..h * w).collect(), cut: 0, done: false };
        let mut pixels: Vec<Pixels> = (0..n).map(|_| all()).collect();
        let (mut best, mut found) = (images.clone(), vec![false; n]);
        while pixels.iter().any(|p| !p.done) {
            let round = self.inner.run_within(oracle, (images, labels), &mask(&pixels, images));
            let useful = use_of(oracle, &round.images, images, labels);
            let success = round.success();
            let take: Vec<bool> = pixels.iter().zip(&success).map(|(p, s)| *s && !p.done).collect();
            best = pick(&take, round.images, best);
            for (i, p) in pixels.iter_mut().enumerate().filter(|(_, p)| !p.done) {
                found[i] |= success[i];
                if success[i] {
                    p.succeed(self.share, &useful[i * h * w..(i + 1) * h * w]);
                    // An image that is wrong as it is needs none.
                    p.done |= round.distances[i] == 0.0;
                } else {
                    p.fail();
                }
            }
        }
        let mut sparsest = Found::new(Norm::L2, images, &vec![false; n]);
        sparsest.offer(&best, &found);
        sparsest
    }
}

/// `[n, 1, height, width]`: 1 for pixels that may change, else 0.
fn mask(pixels: &[Pixels], images: &Tensor<4>) -> Tensor<4> {
    let [n, _, h, w] = images.dims();
    let mut mask = vec![0.0f32; n * h * w];
    for (mask, pixels) in mask.chunks_mut(h * w).zip(pixels) {
        pixels.allowed().iter().for_each(|p| mask[*p] = 1.0);
    }
    Tensor::from_data(TensorData::new(mask, [n, 1, h, w]), &images.device())
}

/// By how much each pixel's change raises the margin, to first order: `|delta g|`, over the channels.
fn use_of(oracle: &Oracle, x: &Tensor<4>, images: &Tensor<4>, labels: &[i32]) -> Vec<f32> {
    let y = labels_of(labels, images);
    let (_, slope) = oracle.gradient(x, &|z| margin(z, &y));
    let useful = ((x.clone() - images.clone()) * slope).abs().sum_dim(1);
    useful.into_data().iter::<f32>().collect()
}
