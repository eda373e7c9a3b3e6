//! Sequential certification by all threads together.
//!
//! Threads draw ahead of the next checkpoint to have work, at most one batch each. Votes are added up checkpoint by
//! checkpoint, and those drawn beyond the one that decides are thrown away: the outcome is that of one thread that
//! stops there.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use ringfence_runtime::certificate::{Checkpoint, Lookup, Outcome, conclude};
use ringfence_runtime::smooth::{Counts, Error, Image, Purpose, Seed, Smoother, add_counts, top};

use super::CliError;
use super::voting::{Workers, merge};

/// Samples that one worker draws at a time, and the checkpoint they are counted for.
struct Piece {
    checkpoint: usize,
    samples: Range<u32>,
}

impl Workers<'_, '_, '_> {
    /// Votes until a checkpoint of a sequential certification decides.
    pub fn certify_sequentially(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        terms: &impl Lookup,
    ) -> Result<Outcome, CliError> {
        let checkpoints: Vec<Checkpoint> = (0..).map_while(|index| terms.checkpoint(index)).collect();
        let mut rest = &checkpoints[..];
        let mut counts = None;
        let mut done = 0;
        while !rest.is_empty() {
            let (round, later) = rest.split_at(self.round(done, rest));
            for (checkpoint, votes) in round.iter().zip(self.tallies(image, seed, done, round)?) {
                let counts: &mut Counts = counts.get_or_insert_with(|| votes.iter().map(|_| 0).collect());
                add_counts(counts, &votes);
                if checkpoint.decide(counts[top(counts)]).is_some() {
                    return finish(terms, counts);
                }
                done = checkpoint.votes;
            }
            rest = later;
        }
        finish(terms, &counts.unwrap_or_default())
    }

    /// How many of the next checkpoints to draw for: one, or enough to give each of several workers a batch.
    fn round(&self, done: u32, rest: &[Checkpoint]) -> usize {
        let workers = self.smoothers.len();
        if workers == 1 {
            return 1;
        }
        let wanted = (workers * self.batch) as u32;
        let few = rest.iter().take_while(|checkpoint| checkpoint.votes - done < wanted).count();
        (few + 1).min(rest.len())
    }

    /// Votes of the samples that lead to each of the checkpoints, from sample `done` on.
    fn tallies(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        done: u32,
        round: &[Checkpoint],
    ) -> Result<Vec<Counts>, CliError> {
        let failed = |error: Error| CliError::failed("votes", error);
        let pieces = self.pieces(done, round);
        let next = AtomicUsize::new(0);
        let work = |smoother: &mut Smoother<'_, '_, '_>| {
            let mut tallies = Vec::new();
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                let votes = smoother.tally(image, seed, Purpose::Estimate, piece.samples.clone())?;
                tallies.push((piece.checkpoint, votes));
            }
            Ok(tallies)
        };
        let smoothers = &mut self.smoothers;
        let drawn: Result<Vec<Vec<(usize, Counts)>>, Error> =
            self.pool.install(|| smoothers.par_iter_mut().with_max_len(1).map(work).collect());
        let mut sums = vec![None; round.len()];
        for (checkpoint, votes) in drawn.map_err(failed)?.into_iter().flatten() {
            merge(&mut sums[checkpoint], votes, add_counts);
        }
        // Checkpoints rise, so each has samples of its own.
        sums.into_iter().collect::<Option<_>>().ok_or_else(|| failed(Error::NoSamples))
    }

    /// Cuts the way to the checkpoints into batches, several at a time where it is long.
    fn pieces(&self, done: u32, round: &[Checkpoint]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut start = done;
        for (checkpoint, &Checkpoint { votes, .. }) in round.iter().enumerate() {
            let parts = 8 * self.smoothers.len();
            let share = ((votes - start) as usize).div_ceil(parts).next_multiple_of(self.batch) as u32;
            while start < votes {
                let end = votes.min(start + share);
                pieces.push(Piece { checkpoint, samples: start..end });
                start = end;
            }
        }
        pieces
    }
}

fn finish(terms: &impl Lookup, counts: &Counts) -> Result<Outcome, CliError> {
    conclude(terms, &Counts::new(), counts).map_err(|error| CliError::failed("votes", error))
}
