//! Noisy images as the network will see them: some of a data set, each with one draw of noise.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use ringfence_runtime::format::layout::MAX_NOISY;

use crate::data::{DataError, Dataset};

/// One noisy image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Class of the image.
    pub label: usize,
    /// Pixel plus noise in steps of 1/255, in order channel, row, column.
    pub noisy: Vec<i16>,
}

impl Sample {
    /// Pixels of full scale 1, normalised per channel with `(x - mean) / std`.
    pub fn normalised(&self, mean: &[f64], std: &[f64]) -> Vec<f32> {
        let plane = self.noisy.len() / mean.len().max(1);
        let planes = self.noisy.chunks(plane.max(1)).zip(mean.iter().zip(std));
        planes
            .flat_map(|(plane, (mean, std))| {
                plane.iter().map(move |m| ((f64::from(*m) / 255.0 - mean) / std) as f32)
            })
            .collect()
    }
}

/// `count` images spread evenly over the data set, image i with its own stream of noise of deviation `sigma`
/// (full scale 1; 0 for none). The same arguments give the same samples.
pub fn draw(data: &dyn Dataset, count: usize, sigma: f64, seed: u64) -> Result<Vec<Sample>, DataError> {
    let count = count.min(data.len());
    (0..count).map(|i| sample(data, i * data.len() / count, sigma, seed)).collect()
}

/// Image `index` with its noise.
pub fn sample(data: &dyn Dataset, index: usize, sigma: f64, seed: u64) -> Result<Sample, DataError> {
    let mut pixels = vec![0; data.shape().bytes()];
    let label = data.read(index, &mut pixels)?;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    random.set_stream(index as u64);
    let limit = f64::from(MAX_NOISY);
    let noisy = pixels
        .iter()
        .map(|pixel| (f64::from(*pixel) + (255.0 * sigma * normal(&mut random)).round()).clamp(-limit, limit) as i16)
        .collect();
    Ok(Sample { label, noisy })
}

/// A standard normal deviate (Box and Muller 1958, cosine branch).
fn normal(random: &mut ChaCha8Rng) -> f64 {
    let unit = |bits: u64| ((bits >> 11) as f64 + 0.5) / 2f64.powi(53);
    let (radius, angle) = (unit(random.next_u64()), unit(random.next_u64()));
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}
