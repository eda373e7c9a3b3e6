//! How far a certification has come, apart from the memory it runs in.

use super::counts::zeros;
use super::{Counts, Error, Image, Smoother, add_counts, top};
use crate::certificate::{Lookup, Outcome, conclude};
use crate::format::{CertificateTable, Method, Model};
use crate::noise::{Purpose, Seed};

/// The votes of a certification under way. Image, model and generator must stay the same from step to step.
#[derive(Debug)]
pub(crate) struct Progress<'t> {
    table: CertificateTable<'t>,
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

impl<'t> Progress<'t> {
    /// No votes yet.
    pub fn new(table: &CertificateTable<'t>, seed: &Seed, model: &Model<'_>) -> Result<Self, Error> {
        let (expected, found) = (model.norm(), table.norm());
        if expected != found {
            return Err(Error::TableNorm { expected, found });
        }
        let classes = model.classes();
        let selecting = match table.method() {
            Method::TwoStage => table.n0(),
            Method::SingleStage | Method::Sequential => 0,
            Method::Predict => return Err(Error::TableMethod { found: Method::Predict }),
        };
        Ok(Self {
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

    /// See [`Run::total`](super::Run::total).
    pub fn total(&self) -> u64 {
        u64::from(self.selecting) + u64::from(self.table.most_votes())
    }

    /// See [`Run::done`](super::Run::done).
    pub fn done(&self) -> u64 {
        self.done
    }

    /// Whether no more samples are wanted.
    pub fn is_decided(&self) -> bool {
        self.is_decided
    }

    /// See [`Run::step`](super::Run::step).
    pub fn advance(
        &mut self,
        smoother: &mut Smoother<'_, '_, '_>,
        image: &Image<'_>,
        samples: u32,
    ) -> Result<bool, Error> {
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
            let votes = smoother.tally(image, &self.seed, purpose, start as u32..end as u32)?;
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

    /// See [`Run::finish`](super::Run::finish).
    pub fn outcome(&self) -> Result<Outcome, Error> {
        if !self.is_decided {
            return Err(Error::Unfinished { done: self.done, total: self.total() });
        }
        Ok(conclude(&self.table, &self.selection, &self.counts)?)
    }
}
