//! Images in memory, the order of an epoch, and batches.

use super::augment::Augmentation;
use crate::error::Error;
use crate::random::{Normals, Stream, below, stream};
use rayon::prelude::*;
use ringfence::data::{DataError, Dataset, Region, Shape};
use std::ops::Range;

/// All images of a data set, decoded once.
#[derive(Debug, Clone)]
pub struct Images {
    shape: Shape,
    pixels: Vec<u8>,
    labels: Vec<i32>,
    /// Where their objects are; empty unless asked for.
    objects: Vec<Region>,
}

/// Images in `[0, 1]` (plus noise), `[len, channels, height, width]`, and their labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// Pixels.
    pub pixels: Vec<f32>,
    /// Labels.
    pub labels: Vec<i32>,
    /// Where the objects are: `[len, 1, height, width]`, 1 on them and 0 elsewhere; empty unless the images were
    /// [located](Images::read_located).
    pub objects: Vec<f32>,
}

impl Images {
    /// Reads `range` of `dataset`.
    ///
    /// # Errors
    /// What the data set reports.
    pub fn read(dataset: &dyn Dataset, range: Range<usize>) -> Result<Self, DataError> {
        let shape = dataset.shape();
        let mut pixels = vec![0; range.len() * shape.bytes()];
        let labels = pixels
            .par_chunks_exact_mut(shape.bytes())
            .zip(range.into_par_iter())
            .map(|(chw, index)| dataset.read(index, chw).map(|label| label as i32))
            .collect::<Result<_, _>>()?;
        Ok(Self { shape, pixels, labels, objects: vec![] })
    }

    /// Reads `range` of `dataset`, with where the objects are.
    ///
    /// # Errors
    /// [`Error::Settings`] with the name of a data set that does not know, or what it reports.
    pub fn read_located(dataset: &dyn Dataset, range: Range<usize>) -> Result<Self, Error> {
        let unknown = || {
            let name = dataset.spec();
            let knowing = "signs, signs-scene:K and bg:K:SPEC do";
            Error::Settings(format!(
                "--data {name} does not say where objects are, for --set supervision: {knowing}"
            ))
        };
        let one = |index| dataset.object(index)?.ok_or_else(unknown);
        let objects = range.clone().into_par_iter().map(one).collect::<Result<_, Error>>()?;
        Ok(Self { objects, ..Self::read(dataset, range)? })
    }

    /// Whether the objects' places were read.
    #[must_use]
    pub fn are_located(&self) -> bool {
        self.objects.len() == self.len()
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Their labels.
    #[must_use]
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// Extent of an image.
    #[must_use]
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// Bytes of image `index`, channel-height-width.
    #[must_use]
    pub fn bytes(&self, index: u32) -> &[u8] {
        self.image(index)
    }

    /// Bytes of all images.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.pixels
    }

    fn image(&self, index: u32) -> &[u8] {
        &self.pixels[index as usize * self.shape.bytes()..][..self.shape.bytes()]
    }

    fn gather(&self, indices: &[u32], fill: impl Fn(u32, &mut [f32]) + Sync) -> Batch {
        let len = self.shape.bytes();
        let mut pixels = vec![0.0; indices.len() * len];
        pixels.par_chunks_exact_mut(len).zip(indices).for_each(|(out, &index)| fill(index, out));
        Batch { pixels, labels: indices.iter().map(|&i| self.labels[i as usize]).collect(), objects: vec![] }
    }

    /// A training batch: the images of `indices`, augmented for `epoch`.
    #[must_use]
    pub fn training(&self, indices: &[u32], how: &Augmentation, epoch: u32, seed: u64) -> Batch {
        let batch = self.gather(indices, |index, out| {
            how.apply(self.shape, self.image(index), [epoch, index], seed, out)
        });
        Batch { objects: self.locate(indices, how, epoch, seed), ..batch }
    }

    fn locate(&self, indices: &[u32], how: &Augmentation, epoch: u32, seed: u64) -> Vec<f32> {
        if self.objects.is_empty() {
            return vec![];
        }
        let plane = self.shape.height * self.shape.width;
        let mut objects = vec![0.0; indices.len() * plane];
        objects.par_chunks_exact_mut(plane).zip(indices).for_each(|(out, &index)| {
            how.locate(self.shape, self.objects[index as usize], [epoch, index], seed, out);
        });
        objects
    }

    /// Images as they are, with noise of deviation `sigma` from the evaluation streams of `seed`.
    #[must_use]
    pub fn evaluation(&self, indices: &[u32], sigma: f32, seed: u64) -> Batch {
        self.gather(indices, |index, out| {
            out.iter_mut().zip(self.image(index)).for_each(|(o, &p)| *o = f32::from(p) / 255.0);
            if sigma > 0.0 {
                let mut random = Normals::new(stream(seed, Stream::Evaluation { index }));
                out.iter_mut().for_each(|v| *v += sigma * random.draw());
            }
        })
    }
}

/// The order of `count` images in `epoch` (Fisher-Yates).
#[must_use]
pub fn epoch_order(count: u32, epoch: u32, seed: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..count).collect();
    let mut random = stream(seed, Stream::Order { epoch });
    for last in (1..count).rev() {
        order.swap(last as usize, below(&mut random, last + 1) as usize);
    }
    order
}

/// Mean and deviation of every channel in `[0, 1]`, rounded to four decimals.
#[must_use]
pub fn moments(images: &Images) -> [Vec<f32>; 2] {
    let shape = images.shape;
    let plane = shape.height * shape.width;
    let mut sums = vec![[0u64; 2]; shape.channels];
    for (row, values) in images.pixels.chunks_exact(plane).enumerate() {
        let sum = &mut sums[row % shape.channels];
        for &v in values {
            sum[0] += u64::from(v);
            sum[1] += u64::from(v) * u64::from(v);
        }
    }
    let count = (images.len() * plane) as f64;
    let round = |v: f64| ((v / 255.0 * 1e4).round() / 1e4) as f32;
    let mean = |s: &[u64; 2]| s[0] as f64 / count;
    let deviation = |s: &[u64; 2]| (s[1] as f64 / count - mean(s) * mean(s)).max(0.0).sqrt();
    // A channel of one value would divide by zero.
    [
        sums.iter().map(|s| round(mean(s))).collect(),
        sums.iter().map(|s| round(deviation(s)).max(1e-4)).collect(),
    ]
}
