//! Square attack (Andriushchenko et al. 2020, arXiv:1912.00049), L-infinity: random squares, kept where they lower the
//! margin; it asks for logits only.

use super::objective::margin;
use super::oracle::{Oracle, labels_of, pick};
use crate::methods::Batch;
use crate::random::{Stream, below, stream};
use burn::tensor::{Tensor, TensorData};
use rand_core::Rng;
use serde::{Deserialize, Serialize};

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Square {
    /// Proposals for each image.
    pub queries: u32,
    /// Share of the image that the first squares cover.
    pub share: f64,
}

/// The share of an image that a square covers after `done` of 10,000 proposals, or of `queries`; `first` to begin with.
pub(super) fn share_at(first: f64, done: u32, queries: u32) -> f64 {
    let scaled = u64::from(done) * 10_000 / u64::from(queries.max(1));
    let halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];
    first / f64::powi(2.0, halvings.iter().filter(|h| scaled > **h).count() as i32)
}

impl Square {
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
        let y = labels_of(labels, images);
        let gap = |x: &Tensor<4>| oracle.losses(x, &|z| margin(z, &y));
        let mut x = (images.clone() + self.stripes(batch, epsilon)).clamp(0.0, 1.0);
        let mut best = gap(&x);
        for query in 1..self.queries {
            if best.iter().all(|b| *b > 0.0) {
                break;
            }
            let proposal = self.proposal(batch, &x, query, epsilon);
            let now = gap(&proposal);
            let better: Vec<bool> = now.iter().zip(&best).map(|(n, b)| n > b && *b <= 0.0).collect();
            x = pick(&better, proposal, x);
            best.iter_mut().zip(now).zip(better).filter(|(_, b)| *b).for_each(|((b, n), _)| *b = n);
        }
        let fooled = oracle.fooled(&x, labels);
        (x, fooled)
    }

    /// Vertical stripes of one pixel, each of random sign.
    fn stripes(&self, batch: &Batch, epsilon: f64) -> Tensor<4> {
        let [n, c, h, w] = batch.images.dims();
        let mut values = Vec::with_capacity(n * c * h * w);
        for &index in &batch.ids {
            let mut random = stream(batch.seed, Stream::Start { epoch: batch.epoch, index, restart: 0 });
            for _ in 0..c {
                let row: Vec<f32> = (0..w).map(|_| signed(&mut random, epsilon)).collect();
                (0..h).for_each(|_| values.extend_from_slice(&row));
            }
        }
        Tensor::from_data(TensorData::new(values, [n, c, h, w]), &batch.images.device())
    }

    /// `x` with one square of each image, at a random place, set to the image plus or minus epsilon in each channel.
    fn proposal(&self, batch: &Batch, x: &Tensor<4>, query: u32, epsilon: f64) -> Tensor<4> {
        let [n, c, h, w] = x.dims();
        let side = ((share_at(self.share, query, self.queries) * (h * w) as f64).sqrt().round() as usize)
            .clamp(1, h.min(w) - 1);
        let (mut inside, mut signs) = (vec![false; n * c * h * w], vec![0.0f32; n * c * h * w]);
        for (i, &index) in batch.ids.iter().enumerate() {
            let mut random = stream(batch.seed, Stream::Start { epoch: batch.epoch, index, restart: query });
            let top = below(&mut random, (h - side + 1) as u32) as usize;
            let left = below(&mut random, (w - side + 1) as u32) as usize;
            for channel in 0..c {
                let sign = signed(&mut random, epsilon);
                for row in top..top + side {
                    let at = ((i * c + channel) * h + row) * w + left;
                    inside[at..at + side].fill(true);
                    signs[at..at + side].fill(sign);
                }
            }
        }
        let device = x.device();
        let inside = Tensor::from_data(TensorData::new(inside, [n, c, h, w]), &device);
        let signs = Tensor::<4>::from_data(TensorData::new(signs, [n, c, h, w]), &device);
        x.clone().mask_where(inside, (batch.images.clone() + signs).clamp(0.0, 1.0))
    }
}

fn signed(random: &mut impl Rng, epsilon: f64) -> f32 {
    if random.next_u32() & 1 == 0 { epsilon as f32 } else { -epsilon as f32 }
}
