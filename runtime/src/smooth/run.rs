//! Certification, at once or step by step.

use super::counts::zeros;
use super::{Budget, Counts, Error, Image, Smoother, add_counts, top};
use crate::certificate::{Lookup, Outcome, conclude};
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
            Method::SingleStage | Method::Sequential => 0,
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
            checkpoint: 0,
            done: 0,
            is_decided: false,
            selection: zeros(classes),
            counts: zeros(classes),
        })
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
    table: CertificateTable<'r>,
    seed: Seed,
    /// Samples that choose the class.
    selecting: u32,
    /// Index of the next checkpoint (sequential only).
    checkpoint: usize,
    done: u64,
    /// Whether no more samples are wanted.
    is_decided: bool,
    selection: Counts,
    counts: Counts,
}

impl Run<'_, '_, '_, '_> {
    /// Samples of the whole run; a sequential one may need fewer.
    pub fn total(&self) -> u64 {
        u64::from(self.selecting) + u64::from(self.table.most_votes())
    }

    /// Samples done so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Draws up to `samples` more samples; true when none are left to draw.
    pub fn step(&mut self, samples: u32) -> Result<bool, Error> {
        let mut left = u64::from(samples);
        while left > 0 && !self.is_decided {
            let selecting = u64::from(self.selecting);
            let pause = u64::from(self.pause());
            let (purpose, start, end, counts) = match self.done.checked_sub(selecting) {
                Some(start) => (Purpose::Estimate, start, pause, &mut self.counts),
                None => (Purpose::Select, self.done, selecting, &mut self.selection),
            };
            let end = end.min(start + left);
            // Both ends are at most n or n0, which are u32.
            let votes = self.smoother.tally(&self.image, &self.seed, purpose, start as u32..end as u32)?;
            add_counts(counts, &votes);
            self.done += end - start;
            left -= end - start;
            if self.done == selecting + pause {
                self.look();
            }
        }
        Ok(self.is_decided)
    }

    /// Counted votes after which something may be decided.
    fn pause(&self) -> u32 {
        self.table.checkpoint(self.checkpoint).map_or(self.table.n(), |checkpoint| checkpoint.votes)
    }

    /// All votes up to the next pause are counted.
    fn look(&mut self) {
        let count = self.counts.get(top(&self.counts)).copied().unwrap_or(0);
        let checkpoint = self.table.checkpoint(self.checkpoint);
        let decision = checkpoint.and_then(|checkpoint| checkpoint.decide(count));
        self.is_decided = decision.is_some() || self.done == self.total();
        self.checkpoint += 1;
    }

    /// The outcome of a run whose last step is done.
    pub fn finish(self) -> Result<Outcome, Error> {
        if !self.is_decided {
            return Err(Error::Unfinished { done: self.done, total: self.total() });
        }
        Ok(conclude(&self.table, &self.selection, &self.counts)?)
    }
}
