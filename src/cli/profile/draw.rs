//! The samples of one image, drawn once by all threads together, and what the first N of them elect.

use std::time::Instant;

use ringfence_runtime::smooth::{Image, Scores, Seed, Smoother, Vote, top};

use crate::cli::CliError;
use crate::cli::voting::Workers;
use crate::profile::{Grid, Rule};

/// Classes of samples that were drawn together.
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

/// Votes of the samples so far.
struct Totals {
    counts: Vec<u32>,
    weighted: Scores,
    soft: Scores,
}

impl Totals {
    fn add(&mut self, heap: &Heap) {
        for class in heap.pieces.iter().flat_map(|piece| &piece.classes) {
            if let Some(count) = self.counts.get_mut(usize::from(*class)) {
                *count += 1;
            }
        }
        add(&mut self.weighted, &heap.weighted);
        add(&mut self.soft, &heap.soft);
    }
}

impl Elected {
    fn new(samples: usize) -> Self {
        let samples = Vec::with_capacity(samples);
        let (prediction, counts, weighted, soft, seconds) = Default::default();
        Self { prediction, counts, weighted, soft, samples, seconds }
    }

    /// What all samples up to here elect.
    fn look(&mut self, totals: &Totals, rules: &[Rule]) {
        let class = top(&totals.counts);
        self.prediction.push(class);
        self.counts.push(totals.counts.get(class).copied().unwrap_or(0));
        if rules.contains(&Rule::Weighted) {
            self.weighted.push(top(&totals.weighted));
        }
        if rules.contains(&Rule::Soft) {
            self.soft.push(top(&totals.soft));
        }
    }
}

/// Draws up to the largest N. Threads meet at each N: there its votes are counted and its time ends.
pub(super) fn elect(
    workers: &mut Workers<'_, '_, '_>,
    (image, seed): (&Image<'_>, &Seed),
    (grid, rules): (&Grid, &[Rule]),
    classes: usize,
) -> Result<Elected, CliError> {
    let start = Instant::now();
    let mut elected = Elected::new(grid.largest() as usize);
    let mut totals = Totals { counts: vec![0; classes], weighted: zeros(classes), soft: zeros(classes) };
    for segment in grid.segments() {
        let mut heap = draw(workers, (image, seed), rules, classes, segment)?;
        totals.add(&heap);
        elected.look(&totals, rules);
        elected.seconds.push(start.elapsed().as_secs_f64());
        heap.pieces.sort_unstable_by_key(|piece| piece.start);
        elected.samples.extend(heap.pieces.iter().flat_map(|piece| &piece.classes));
    }
    Ok(elected)
}

fn draw(
    workers: &mut Workers<'_, '_, '_>,
    (image, seed): (&Image<'_>, &Seed),
    rules: &[Rule],
    classes: usize,
    segment: std::ops::Range<u32>,
) -> Result<Heap, CliError> {
    let (weighted, soft) = (rules.contains(&Rule::Weighted), rules.contains(&Rule::Soft));
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
