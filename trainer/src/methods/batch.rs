//! A batch of training images as a method sees it: the images, and random numbers that belong to each.

use crate::attacks::Ball;
use crate::random::{Normals, Stream, stream};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand_core::Rng;
use rand_xoshiro::Xoshiro256PlusPlus;
use rayon::prelude::*;

/// Augmented training images. Random numbers are keyed by seed, epoch and image, so that none depends on the batch that an
/// image is in. Tensors are not on an autodiff device.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Images `[n, channels, height, width]` in `[0, 1]` (plus noise, where the augmentation adds it).
    pub images: Tensor<4>,
    /// Labels.
    pub labels: Tensor<1, Int>,
    /// The images' indices in the training set.
    pub ids: Vec<u32>,
    /// The epoch, from 0.
    pub epoch: u32,
    /// Epochs done, with the fraction of the running one.
    pub progress: f64,
    /// Seed of the run.
    pub seed: u64,
    /// Deviation of the noise that the classifier will be smoothed with.
    pub sigma: f32,
    /// Where the objects are, `[n, 1, height, width]`: 1 on them, 0 elsewhere; where a method asks for it.
    pub objects: Option<Tensor<4>>,
}

/// A value uniform in `[0, 1)`.
fn uniform(random: &mut Xoshiro256PlusPlus) -> f32 {
    (random.next_u32() >> 8) as f32 / (1 << 24) as f32
}

impl Batch {
    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Up to `count` parts of nearly equal size, in order.
    #[must_use]
    pub fn shares(&self, count: usize) -> Vec<Self> {
        let size = self.len().div_ceil(count.max(1)).max(1);
        let part = |(i, ids): (usize, &[u32])| {
            let range = i * size..i * size + ids.len();
            Self {
                images: self.images.clone().slice([range.clone()]),
                labels: self.labels.clone().slice([range.clone()]),
                ids: ids.to_vec(),
                objects: self.objects.clone().map(|objects| objects.slice([range])),
                ..*self
            }
        };
        self.ids.chunks(size).enumerate().map(part).collect()
    }

    /// The same batch on `device`.
    #[must_use]
    pub fn to_device(self, device: &Device) -> Self {
        let objects = self.objects.map(|objects| objects.to_device(device));
        Self { images: self.images.to_device(device), labels: self.labels.to_device(device), objects, ..self }
    }

    fn device(&self) -> Device {
        self.images.device()
    }

    /// A tensor shaped like the images, each filled from its own stream.
    fn filled(
        &self,
        of: impl Fn(u32) -> Stream + Sync,
        fill: impl Fn(&mut Normals, &mut [f32]) + Sync,
    ) -> Tensor<4> {
        let dims = self.images.dims();
        let each = dims[1] * dims[2] * dims[3];
        let mut values = vec![0.0; dims[0] * each];
        values.par_chunks_exact_mut(each).zip(&self.ids).for_each(|(out, &index)| {
            fill(&mut Normals::new(stream(self.seed, of(index))), out);
        });
        Tensor::from_data(TensorData::new(values, dims), &self.device())
    }

    /// Noise of deviation [`sigma`](Self::sigma) for copy `copy` of every image.
    #[must_use]
    pub fn noise(&self, copy: u32) -> Tensor<4> {
        self.noise_by(copy, |random| self.sigma * random.draw())
    }

    /// Noise of another law, with values of `draw`, for copy `copy` of every image.
    #[must_use]
    pub fn noise_by(&self, copy: u32, draw: impl Fn(&mut Normals) -> f32 + Sync) -> Tensor<4> {
        let epoch = self.epoch;
        self.filled(
            |index| Stream::Copy { epoch, index, copy },
            |random, out| out.iter_mut().for_each(|v| *v = draw(random)),
        )
    }

    /// Noise for `copies` copies, copy after copy: `[copies * n, channels, height, width]`.
    #[must_use]
    pub fn noises(&self, copies: usize) -> Tensor<4> {
        Tensor::cat((0..copies as u32).map(|copy| self.noise(copy)).collect(), 0)
    }

    /// Values uniform in `[-1, 1)` for the random start of attack `restart`.
    #[must_use]
    pub fn start_uniform(&self, restart: u32) -> Tensor<4> {
        let epoch = self.epoch;
        self.filled(
            |index| Stream::Start { epoch, index, restart },
            |random, out| out.iter_mut().for_each(|v| *v = 2.0 * uniform(random.source()) - 1.0),
        )
    }

    /// Standard normal values for the random start of attack `restart`.
    #[must_use]
    pub fn start_normal(&self, restart: u32) -> Tensor<4> {
        let epoch = self.epoch;
        self.filled(
            |index| Stream::Start { epoch, index, restart },
            |random, out| out.iter_mut().for_each(|v| *v = random.draw()),
        )
    }

    /// A perturbation of every image spread uniformly over `ball`, for the random start of attack `restart`.
    #[must_use]
    pub fn random_in(&self, ball: &Ball, restart: u32) -> Tensor<4> {
        ball.random(self.start_uniform(restart), self.start_normal(restart), self.coin_tensor(restart))
    }

    /// One value uniform in `[0, 1)` for every image, from number `of` of its streams for such.
    #[must_use]
    pub fn coins(&self, of: u32) -> Vec<f32> {
        let one = |&index: &u32| {
            // Restarts are few; numbers from the other end do not meet them.
            let of = Stream::Start { epoch: self.epoch, index, restart: u32::MAX - of };
            uniform(&mut stream(self.seed, of))
        };
        self.ids.iter().map(one).collect()
    }

    /// [`coins`](Self::coins) as a tensor `[n, 1, 1, 1]`.
    #[must_use]
    pub fn coin_tensor(&self, of: u32) -> Tensor<4> {
        Tensor::from_data(TensorData::new(self.coins(of), [self.len(), 1, 1, 1]), &self.device())
    }
}
