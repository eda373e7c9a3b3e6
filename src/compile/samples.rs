//! Noisy images as the network will see them: some of a data set, each with one draw of the model's noise.

use ringfence_runtime::NoiseTable;
use ringfence_runtime::noise::{Noise, Purpose, Seed};

use crate::data::{DataError, Dataset};
use crate::noise;

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

/// The entries of a host noise table in the bytes that the runtime's sampler reads.
#[derive(Clone, Debug)]
pub struct NoiseBytes<'t> {
    table: &'t noise::NoiseTable,
    words: Vec<[u8; 4]>,
    low: Vec<[u8; 4]>,
}

impl<'t> NoiseBytes<'t> {
    /// Lays out `table`.
    pub fn new(table: &'t noise::NoiseTable) -> Self {
        let bytes = |entries: &[u32]| entries.iter().map(|entry| entry.to_le_bytes()).collect();
        Self { table, words: bytes(&table.words), low: bytes(&table.low) }
    }

    /// The table as the runtime sees it.
    pub fn view(&self) -> NoiseTable<'_> {
        NoiseTable {
            sigma_bits: self.table.sigma.to_bits(),
            column_bits: self.table.column_bits as u8,
            min_value: self.table.min_value,
            tv_budget: self.table.tv_budget,
            words: &self.words,
            low: &self.low,
        }
    }
}

/// Where noise comes from: the model's table and a number that seeds it.
#[derive(Clone, Copy, Debug)]
pub struct NoiseSource<'a> {
    /// Distribution.
    pub table: NoiseTable<'a>,
    /// Different seeds, different noise.
    pub seed: u64,
}

/// The key of a number.
pub(super) fn seed_of(seed: u64) -> Seed {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    Seed(key)
}

/// `count` images spread evenly over the data set. The same arguments give the same samples.
pub fn draw(
    data: &dyn Dataset,
    count: usize,
    noise: Option<NoiseSource<'_>>,
) -> Result<Vec<Sample>, DataError> {
    let count = count.min(data.len());
    (0..count).map(|i| sample(data, i * data.len() / count, noise)).collect()
}

/// Image `index`, with its own stream of noise if there is noise.
pub fn sample(data: &dyn Dataset, index: usize, noise: Option<NoiseSource<'_>>) -> Result<Sample, DataError> {
    let mut pixels = vec![0; data.shape().bytes()];
    let label = data.read(index, &mut pixels)?;
    let mut noisy = vec![0; pixels.len()];
    if let Some(NoiseSource { table, seed }) = noise {
        Noise::new(table, &seed_of(seed), Purpose::Estimate, index as u32).fill(&mut noisy);
    }
    noisy.iter_mut().zip(&pixels).for_each(|(noisy, pixel)| *noisy += i16::from(*pixel));
    Ok(Sample { label, noisy })
}
