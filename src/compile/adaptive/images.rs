//! What both networks see in calibration.

use rayon::prelude::*;
use ringfence_runtime::NoiseTable;
use ringfence_runtime::format::Adaptive;
use ringfence_runtime::noise::{Generator, Noise, Normal, Purpose};
use ringfence_runtime::smooth::Image;
use ringfence_runtime::smooth::adaptive::{Mixture, Recipe};

use crate::compile::CompileError;
use crate::compile::part::Part;
use crate::compile::samples::{self, NoiseSource, Sample, seed_of};
use crate::data::Dataset;
use crate::onnx::FloatModel;

/// Images of a data set with the noise of both steps.
pub struct Source<'s> {
    pub data: &'s dyn Dataset,
    /// How many images.
    pub count: usize,
    /// Noise of the first step.
    pub table: NoiseTable<'s>,
    pub adaptive: Adaptive<'s>,
    /// Different seeds, different noise.
    pub seed: u64,
}

impl Source<'_> {
    /// Images under the first step's noise.
    pub fn noisy(&self) -> Result<Vec<Sample>, CompileError> {
        let noise = NoiseSource { table: self.table, seed: self.seed };
        Ok(samples::draw(self.data, self.count, Some(noise))?)
    }

    /// The mixes of the same images, each under the mask that the float network makes of it.
    pub fn mixed(&self, noisy: &[Sample], mask: &Part<'_>) -> Result<Vec<Sample>, CompileError> {
        let output = mask.graph.nodes[mask.graph.output].value.as_str();
        let float = FloatModel::new(mask.onnx, &mask.graph, &[output])?;
        let mix = |(place, sample): (usize, &Sample)| {
            let index = place * self.data.len() / noisy.len();
            let masks = float.run(&sample.normalised(&mask.mean, &mask.std))?;
            let levels = masks.iter().flatten().map(|w| (255.0 * w).round() as u8);
            Ok(Sample { label: sample.label, noisy: self.mix(index, &levels.collect::<Vec<u8>>())? })
        };
        noisy.par_iter().enumerate().map(mix).collect()
    }

    fn mix(&self, index: usize, mask: &[u8]) -> Result<Vec<i16>, CompileError> {
        let shape = self.data.shape();
        let mut pixels = vec![0; shape.bytes()];
        self.data.read(index, &mut pixels)?;
        let image = Image::chw(&pixels, shape.channels, shape.height, shape.width)
            .map_err(|error| CompileError::Mismatch(format!("image {index}: {error}")))?;
        let squares = mask.iter().map(|w| u64::from(*w).pow(2)).sum();
        let mixture = Mixture::new(self.adaptive.first, self.adaptive.deviation(squares));
        let (seed, purpose, sample) = (seed_of(self.seed), Purpose::Estimate, index as u32);
        let recipe = Recipe {
            image: &image,
            mask,
            first: Noise::new(self.table, &seed, purpose, sample),
            second: Normal::new(self.adaptive.quantiles, Generator::default(), &seed, purpose, sample),
            mixture: &mixture,
        };
        let mut mixed = Vec::with_capacity(pixels.len());
        recipe.each_piece(|piece| mixed.extend_from_slice(piece.mixed));
        Ok(mixed)
    }
}
