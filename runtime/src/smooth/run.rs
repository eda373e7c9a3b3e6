//! Certification, at once or step by step.

use super::{Budget, Error, Image, Progress, Smoother};
use crate::certificate::Outcome;
use crate::format::CertificateTable;
use crate::noise::Seed;

impl<'m, 'a, 's> Smoother<'m, 'a, 's> {
    /// Certifies an image with a table of the model.
    pub fn certify(&mut self, image: &Image<'_>, budget: Budget, seed: &Seed) -> Result<Outcome, Error> {
        let table = budget.table(self.model())?;
        self.certify_with(image, &table, seed)
    }

    /// Certifies an image with any table; it must have been made for the model's sigma and noise table.
    pub fn certify_with(
        &mut self,
        image: &Image<'_>,
        table: &CertificateTable<'_>,
        seed: &Seed,
    ) -> Result<Outcome, Error> {
        let mut run = self.start_with(image, table, seed)?;
        while !run.step(u32::MAX)? {}
        run.finish()
    }

    /// Starts a certification with a table of the model, to be advanced by [`Run::step`].
    pub fn start<'r>(
        &'r mut self,
        image: &Image<'r>,
        budget: Budget,
        seed: &Seed,
    ) -> Result<Run<'r, 'm, 'a, 's>, Error> {
        let table = budget.table(self.model())?;
        self.start_with(image, &table, seed)
    }

    /// As [`start`](Self::start), with any table; it must have been made for the model's sigma and noise
    /// table.
    pub fn start_with<'r>(
        &'r mut self,
        image: &Image<'r>,
        table: &CertificateTable<'r>,
        seed: &Seed,
    ) -> Result<Run<'r, 'm, 'a, 's>, Error> {
        let progress = Progress::new(table, seed, self.model())?;
        self.check(image)?;
        Ok(Run { smoother: self, image: *image, progress })
    }
}

/// A certification under way: for cooperative loops, watchdogs and deadlines.
///
/// However the samples are cut into steps, the outcome is the same. A sequential run ends at the first checkpoint
/// that decides, and draws no sample beyond it.
#[derive(Debug)]
pub struct Run<'r, 'm, 'a, 's> {
    smoother: &'r mut Smoother<'m, 'a, 's>,
    image: Image<'r>,
    progress: Progress<'r>,
}

impl Run<'_, '_, '_, '_> {
    /// Samples of the whole run; a sequential one may need fewer.
    pub fn total(&self) -> u64 {
        self.progress.total()
    }

    /// Samples done so far.
    pub fn done(&self) -> u64 {
        self.progress.done()
    }

    /// Draws up to `samples` more samples; true when none are left to draw.
    pub fn step(&mut self, samples: u32) -> Result<bool, Error> {
        self.progress.advance(self.smoother, &self.image, samples)
    }

    /// The outcome of a run whose last step is done.
    pub fn finish(self) -> Result<Outcome, Error> {
        self.progress.outcome()
    }
}
