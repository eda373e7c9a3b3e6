//! The smoothed classifier over a model and the caller's memory.

use super::copies::CopyJob;
use super::counts::zeros;
use super::{Counts, Error, Image};
use crate::arch::Backend;
use crate::exec::Executor;
use crate::format::{Mask, Model, NoiseTable, Quantiles};
use crate::noise::{Generator, Noise, Normal, Purpose, Seed};
use crate::ops::argmax;
use crate::plan::{Input, Tensor};
use core::ops::Range;

/// Most samples that run together.
pub const MAX_BATCH: usize = 16;

/// Logits of a batch on the stack (2 KiB): with many classes a batch is smaller than [`MAX_BATCH`].
const LOGITS: usize = 512;

/// Which noise the samples of a batch get.
pub(super) struct Draws<'d> {
    pub generator: Generator,
    pub seed: &'d Seed,
    pub purpose: Purpose,
    /// Index of the batch's first sample.
    pub first: u32,
}

impl Draws<'_> {
    /// The noise of a sample, of the first step if there are two.
    pub fn noise<'t>(&self, table: NoiseTable<'t>, slot: usize) -> Noise<'t> {
        Noise::with_generator(table, self.generator, self.seed, self.purpose, self.sample(slot))
    }

    /// The noise of a sample's second step.
    pub fn normal<'t>(&self, quantiles: Quantiles<'t>, slot: usize) -> Normal<'t> {
        Normal::new(quantiles, self.generator, self.seed, self.purpose, self.sample(slot))
    }

    fn sample(&self, slot: usize) -> u32 {
        self.first.wrapping_add(slot as u32)
    }
}

/// Classifies, votes and certifies images with one model.
#[derive(Debug)]
pub struct Smoother<'m, 'a, 's> {
    pub(super) executor: Executor<'m, 'a>,
    arena: &'s mut [u8],
    batch: usize,
    generator: Generator,
}

impl<'m, 'a, 's> Smoother<'m, 'a, 's> {
    /// Uses the fastest backend of this CPU.
    ///
    /// As many samples run together as the arena holds ([`Model::arena_bytes`]), at most [`MAX_BATCH`]; more
    /// memory than that is not touched. The results do not depend on it.
    pub fn new(model: &'m Model<'a>, arena: &'s mut [u8]) -> Result<Self, Error> {
        Self::with_backend(model, arena, Backend::best())
    }

    /// As [`new`](Self::new), with a chosen backend.
    pub fn with_backend(model: &'m Model<'a>, arena: &'s mut [u8], backend: Backend) -> Result<Self, Error> {
        let executor = Executor::new(model, backend).ok_or(Error::BackendUnavailable(backend))?;
        let (needed, given) = (model.arena_bytes(1), arena.len());
        let fitting = given.checked_div(needed).unwrap_or(MAX_BATCH);
        if fitting == 0 {
            return Err(Error::ArenaTooSmall { needed, given });
        }
        let batch = fitting.min(MAX_BATCH).min(LOGITS.checked_div(model.classes()).unwrap_or(MAX_BATCH));
        Ok(Self { executor, arena, batch, generator: Generator::default() })
    }

    /// Draws the noise from another generator. The votes depend on it, so it belongs into the record.
    #[must_use]
    pub fn with_generator(self, generator: Generator) -> Self {
        Self { generator, ..self }
    }

    /// The model.
    pub fn model(&self) -> &'m Model<'a> {
        self.executor.model()
    }

    /// The backend.
    pub fn backend(&self) -> Backend {
        self.executor.backend()
    }

    /// The generator of the noise.
    pub fn generator(&self) -> Generator {
        self.generator
    }

    /// Samples that run together.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The network's class of the image itself, without noise.
    pub fn classify(&mut self, image: &Image<'_>) -> Result<usize, Error> {
        self.check(image)?;
        let mut class = 0;
        self.write_into(self.model().input(), 0, image, None)?;
        self.run(1, |logits| class = argmax(logits))?;
        Ok(class)
    }

    /// Votes of a range of samples.
    ///
    /// A pure function of (model, image, generator, seed, purpose, samples): the counts of disjoint ranges add up
    /// ([`add_counts`](super::add_counts)) to those of their union.
    pub fn tally(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        purpose: Purpose,
        samples: Range<u32>,
    ) -> Result<Counts, Error> {
        let mut counts: Counts = zeros(self.model().classes());
        self.each_copy(image, seed, purpose, samples, |logits| {
            if let Some(count) = counts.get_mut(argmax(logits)) {
                *count += 1;
            }
        })?;
        Ok(counts)
    }

    /// Classifies the noisy copies of a range of samples and shows their logits, in order.
    pub(super) fn each_copy(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        purpose: Purpose,
        samples: Range<u32>,
        mut visit: impl FnMut(&[i32]),
    ) -> Result<(), Error> {
        self.check(image)?;
        let mut next = samples.start;
        while next < samples.end {
            let count = (samples.end - next).min(self.batch as u32);
            let draws = Draws { generator: self.generator, seed, purpose, first: next };
            self.write_copies(image, &draws, count as usize)?;
            self.run(count as usize, &mut visit)?;
            next += count;
        }
        Ok(())
    }

    /// Writes what the classifier reads in some samples.
    fn write_copies(&mut self, image: &Image<'_>, draws: &Draws<'_>, count: usize) -> Result<(), Error> {
        let model = self.model();
        if let Some(mask) = model.mask() {
            return self.write_mixed(mask, image, draws, count);
        }
        for slot in 0..count {
            self.write_into(model.input(), slot, image, Some(draws.noise(model.noise(), slot)))?;
        }
        Ok(())
    }

    pub(crate) fn check(&self, image: &Image<'_>) -> Result<(), Error> {
        let input = self.model().input();
        let (expected, found) = ([input.channels, input.height, input.width], image.shape());
        if found == expected { Ok(()) } else { Err(Error::ImageShape { expected, found }) }
    }

    /// Writes one copy of an image of the right shape into the input of a network.
    pub(super) fn write_into(
        &mut self,
        input: &Input,
        slot: usize,
        image: &Image<'_>,
        noise: Option<Noise<'_>>,
    ) -> Result<(), Error> {
        let (model, given) = (self.model(), self.arena.len());
        let range = input.operand.tensor.range();
        let start = slot * model.sample_arena_bytes();
        let tensor = self.arena.get_mut(start + range.start..start + range.end);
        // The batch was chosen to fit.
        let tensor = tensor.ok_or(Error::ArenaTooSmall { needed: model.arena_bytes(slot + 1), given })?;
        self.executor.available().copy(CopyJob { input, image, noise, tensor });
        Ok(())
    }

    /// Runs the mask network, if there is one, over the copies written for it.
    pub(super) fn run_mask(&mut self, count: usize) -> Result<(), Error> {
        match self.executor.mask() {
            Some(executor) => Ok(executor.run_alone(self.arena, count, &mut [])?),
            None => Ok(()),
        }
    }

    /// A sample's memory for both networks, and its mask.
    pub(super) fn halves(&mut self, mask: &Mask<'_>, slot: usize) -> Option<(&mut [u8], &mut [u8])> {
        let bytes = self.model().sample_arena_bytes();
        let sample = self.arena.get_mut(bytes.checked_mul(slot)?..)?.get_mut(..bytes)?;
        let (networks, plane) = sample.split_at_mut_checked(mask.networks_bytes(bytes)?)?;
        let Tensor { height, width, .. } = mask.network.last().tensor;
        Some((networks, plane.get_mut(..height * width)?))
    }

    /// Runs the network over the copies written and shows the logits of each.
    fn run(&mut self, count: usize, visit: impl FnMut(&[i32])) -> Result<(), Error> {
        let classes = self.model().classes();
        let mut logits = [0; LOGITS];
        let logits = &mut logits[..count * classes];
        self.executor.run_alone(self.arena, count, logits)?;
        logits.chunks_exact(classes).for_each(visit);
        Ok(())
    }
}
