//! Certification, at once or step by step.

use super::counts::zeros;
use super::{Budget, Counts, Error, Image, Smoother, add_counts};
use crate::certificate::{Outcome, conclude};
use crate::format::{CertificateTable, Method};
use crate::noise::{Purpose, Seed};

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
        let selecting = match table.method() {
            Method::TwoStage => table.n0(),
            Method::SingleStage => 0,
            Method::Predict => return Err(Error::TableMethod { found: Method::Predict }),
        };
        self.check(image)?;
        let classes = self.model().classes();
        Ok(Run {
            smoother: self,
            image: *image,
            table: *table,
            seed: *seed,
            selecting,
            done: 0,
            selection: zeros(classes),
            counts: zeros(classes),
        })
    }
}

/// A certification under way: for cooperative loops, watchdogs and deadlines.
///
/// However the samples are cut into steps, the outcome is the same.
#[derive(Debug)]
pub struct Run<'r, 'm, 'a, 's> {
    smoother: &'r mut Smoother<'m, 'a, 's>,
    image: Image<'r>,
    table: CertificateTable<'r>,
    seed: Seed,
    /// Samples that choose the class.
    selecting: u32,
    done: u64,
    selection: Counts,
    counts: Counts,
}

impl Run<'_, '_, '_, '_> {
    /// Samples of the whole run.
    pub fn total(&self) -> u64 {
        u64::from(self.selecting) + u64::from(self.table.n())
    }

    /// Samples done so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Draws up to `samples` more samples; true when none are left.
    pub fn step(&mut self, samples: u32) -> Result<bool, Error> {
        let mut left = u64::from(samples).min(self.total() - self.done);
        while left > 0 {
            let selecting = u64::from(self.selecting);
            let (purpose, start, end, counts) = match self.done.checked_sub(selecting) {
                Some(start) => (Purpose::Estimate, start, u64::from(self.table.n()), &mut self.counts),
                None => (Purpose::Select, self.done, selecting, &mut self.selection),
            };
            let end = end.min(start + left);
            // Both ends are at most n or n0, which are u32.
            let votes = self.smoother.tally(&self.image, &self.seed, purpose, start as u32..end as u32)?;
            add_counts(counts, &votes);
            self.done += end - start;
            left -= end - start;
        }
        Ok(self.done == self.total())
    }

    /// The outcome of a run whose last step is done.
    pub fn finish(self) -> Result<Outcome, Error> {
        let (done, total) = (self.done, self.total());
        if done < total {
            return Err(Error::Unfinished { done, total });
        }
        Ok(conclude(&self.table, &self.selection, &self.counts)?)
    }
}
