//! The samples of one image, drawn once by all threads together, and what the first N of them elect.

use std::time::Instant;

use ringfence_runtime::smooth::{Image, Scores, Seed, Smoother, Vote, top};

use crate::cli::CliError;
use crate::cli::voting::Workers;
use crate::profile::{Ballot, Grid};

/// What samples say that were drawn together: their classes, and the sums of the votes that need more than classes.
#[derive(Clone, Debug)]
struct Piece {
    start: u32,
    classes: Vec<u16>,
}

/// Pieces in whatever order they were drawn, and sums of scores.
#[derive(Clone, Debug)]
struct Heap {
    pieces: Vec<Piece>,
    weighted: Scores,
    soft: Scores,
}

/// What the samples of an image elect; lists have an entry for each N.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Elected {
    pub prediction: Vec<usize>,
    pub counts: Vec<u32>,
    pub weighted: Vec<usize>,
    pub soft: Vec<usize>,
    /// Class of each sample, in order.
    pub samples: Vec<u16>,
    /// Wall seconds until the votes of the first N samples were there.
    pub seconds: Vec<f64>,
}

/// Draws up to the largest N. Threads meet at each N: there its votes are counted and its time ends.
pub(super) fn elect(
    workers: &mut Workers<'_, '_, '_>,
    (image, seed): (&Image<'_>, &Seed),
    (grid, ballots): (&Grid, &[Ballot]),
    classes: usize,
) -> Result<Elected, CliError> {
    let start = Instant::now();
    let mut elected = Elected {
        prediction: Vec::new(),
        counts: Vec::new(),
        weighted: Vec::new(),
        soft: Vec::new(),
        samples: Vec::with_capacity(grid.largest() as usize),
        seconds: Vec::new(),
    };
    let mut counts = vec![0_u32; classes];
    let mut sums = [zeros(classes), zeros(classes)];
    for segment in grid.segments() {
        let mut heap = draw(workers, (image, seed), ballots, classes, segment)?;
        heap.pieces.sort_unstable_by_key(|piece| piece.start);
        for class in heap.pieces.iter().flat_map(|piece| &piece.classes) {
            elected.samples.push(*class);
            if let Some(count) = counts.get_mut(usize::from(*class)) {
                *count += 1;
            }
        }
        let class = top(&counts);
        elected.prediction.push(class);
        elected.counts.push(counts.get(class).copied().unwrap_or(0));
        let votes = [
            (Ballot::Weighted, &heap.weighted, &mut elected.weighted),
            (Ballot::Soft, &heap.soft, &mut elected.soft),
        ];
        for ((ballot, scores, list), sum) in votes.into_iter().zip(&mut sums) {
            add(sum, scores);
            if ballots.contains(&ballot) {
                list.push(top(sum));
            }
        }
        elected.seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(elected)
}

fn draw(
    workers: &mut Workers<'_, '_, '_>,
    (image, seed): (&Image<'_>, &Seed),
    ballots: &[Ballot],
    classes: usize,
    segment: std::ops::Range<u32>,
) -> Result<Heap, CliError> {
    let (weighted, soft) = (ballots.contains(&Ballot::Weighted), ballots.contains(&Ballot::Soft));
    let piece = |smoother: &mut Smoother<'_, '_, '_>, samples: std::ops::Range<u32>| {
        let mut piece = Piece { start: samples.start, classes: Vec::with_capacity(samples.len()) };
        let mut sums = [zeros(classes), zeros(classes)];
        smoother.each_ballot(image, seed, samples, |ballot| {
            // A model has at most 128 classes.
            piece.classes.push(ballot.class() as u16);
            let wanted = [(weighted, Vote::Weighted), (soft, Vote::Soft)];
            for ((wanted, vote), sum) in wanted.into_iter().zip(&mut sums) {
                if wanted {
                    ballot.add_to(vote, sum);
                }
            }
        })?;
        let [weighted, soft] = sums;
        Ok(Heap { pieces: vec![piece], weighted, soft })
    };
    workers.share_out(segment, piece, |heap, more| {
        heap.pieces.extend_from_slice(&more.pieces);
        add(&mut heap.weighted, &more.weighted);
        add(&mut heap.soft, &more.soft);
    })
}

fn zeros(classes: usize) -> Scores {
    std::iter::repeat_n(0, classes).collect()
}

fn add(sum: &mut Scores, more: &Scores) {
    sum.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
}
