//! Upper bounds of the probability that a walk of votes has ended at a boundary.
//!
//! Every rounding and every shortcut moves probability upwards, to larger counts or to the end. A larger count never
//! ends later, so the bound holds.

use crate::certificate::binomial::{Count, TAIL_BITS};

/// A probability in units of 2^-63, rounded up.
pub(super) type Mass = u64;

/// Fraction bits of a [`Mass`].
pub(super) const MASS_BITS: u32 = 63;

/// Tails of at most so much (1.1e-16) are cut off.
const DUST: Mass = 1 << 10;

/// Probabilities of the counts from `low` on.
#[derive(Clone, Debug)]
struct Masses {
    low: u32,
    cells: Vec<Mass>,
}

impl Masses {
    /// Moves the dust of the lower tail up and returns that of the upper tail, which it cuts off.
    fn trim(&mut self) -> Mass {
        let dust = |cells: &mut dyn Iterator<Item = Mass>| {
            let sums = cells.scan(0, |sum, mass| {
                *sum += mass;
                (*sum <= DUST).then_some(*sum)
            });
            sums.enumerate().last().map_or((0, 0), |(index, sum)| (index + 1, sum))
        };
        let (above, top) = dust(&mut self.cells.iter().rev().copied());
        self.cells.truncate(self.cells.len() - above);
        let (below, bottom) = dust(&mut self.cells.iter().copied());
        self.cells.drain(..below);
        self.low += below as u32;
        match self.cells.first_mut() {
            Some(lowest) => {
                *lowest += bottom;
                top
            }
            None => top + bottom,
        }
    }
}

/// How many of a few votes are for a class.
pub(super) struct Steps {
    masses: Masses,
    /// Bounds the probability of more than `masses` holds.
    beyond: Mass,
}

impl Steps {
    /// `votes` votes, each for the class with probability `p * 2^-40`, strictly between 0 and 1.
    pub(super) fn new(votes: u32, p: u64) -> Self {
        let counts = std::iter::successors(Some(Count::unanimous(votes)), |count| count.previous());
        let mut cells: Vec<Mass> =
            counts.map(|count| count.probability(p).div_ceil(1 << (TAIL_BITS - MASS_BITS)) as Mass).collect();
        cells.reverse();
        let mut masses = Masses { low: 0, cells };
        let beyond = masses.trim();
        Self { masses, beyond }
    }
}

/// The number of votes for a class while it has not come to a boundary.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    masses: Masses,
    ended: Mass,
}

impl Walk {
    /// No votes yet.
    pub(super) fn new() -> Self {
        Self { masses: Masses { low: 0, cells: vec![1 << MASS_BITS] }, ended: 0 }
    }

    /// Bounds the probability to have come to the boundary.
    pub(super) fn ended(&self) -> Mass {
        self.ended
    }

    /// Bounds the probability of a count, not having ended.
    pub(super) fn at(&self, count: u32) -> Mass {
        let index = count.checked_sub(self.masses.low).map(|index| index as usize);
        index.and_then(|index| self.masses.cells.get(index)).copied().unwrap_or(0)
    }

    /// All counts from here on have probability 0.
    pub(super) fn top(&self) -> u32 {
        self.masses.low + self.masses.cells.len() as u32
    }

    /// More votes.
    pub(super) fn advance(&mut self, steps: &Steps) {
        let (from, by) = (&self.masses.cells, &steps.masses.cells);
        let mut sums = vec![0u128; (from.len() + by.len()).saturating_sub(1)];
        // Both add up to little more than 2^63, so a sum of products stays below 2^127.
        for (start, &mass) in from.iter().enumerate() {
            for (sum, &step) in sums[start..].iter_mut().zip(by) {
                *sum += u128::from(mass) * u128::from(step);
            }
        }
        self.masses.cells = sums.iter().map(|sum| sum.div_ceil(1 << MASS_BITS) as Mass).collect();
        self.masses.low += steps.masses.low;
        // The walks that go on have a probability of hardly more than 1, by rounding.
        let leap = steps.beyond + u64::from(steps.beyond > 0);
        self.ended += leap + self.masses.trim();
    }

    /// Ends at counts of at least `boundary`.
    pub(super) fn end(&mut self, boundary: u32) {
        let kept = boundary.saturating_sub(self.masses.low) as usize;
        if kept < self.masses.cells.len() {
            self.ended += self.masses.cells.drain(kept..).sum::<Mass>();
        }
    }
}
