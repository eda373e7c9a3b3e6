//! When a sequential certificate looks at its counts, and how much of alpha it may have spent by then.

use super::walk::{MASS_BITS, Mass};
use crate::certificate::binomial::TAIL_BITS;

/// Half of alpha is spent within so many votes. Smaller values favour clear images, larger ones those close to the
/// target.
const HALF: u32 = 200;

/// Votes of the checkpoints up to a budget: 1, 2, .. 20, 22, .. 50, 55, .. 100, 110, ..; each at most a tenth after
/// the one before.
pub(super) fn checkpoints(budget: u32) -> impl Iterator<Item = u32> {
    std::iter::successors(Some(1), |&votes| Some(votes + step(votes)))
        .take_while(move |&votes| votes <= budget)
}

/// Votes from a checkpoint to the next; `votes` has two significant digits.
fn step(votes: u32) -> u32 {
    let mut unit = 1;
    while votes / unit >= 100 {
        unit *= 10;
    }
    match votes / unit {
        ..20 => unit,
        20..50 => 2 * unit,
        _ => 5 * unit,
    }
}

/// Probability of error that may have been spent after `votes`: alpha * votes / (votes + 200), rounded down; alpha in
/// units of 2^-100.
pub(super) fn spent(alpha_units: u128, votes: u32) -> Mass {
    // alpha is at most 1/4 and votes at most 2^20.
    let units = alpha_units * u128::from(votes) / u128::from(votes + HALF);
    (units >> (TAIL_BITS - MASS_BITS)) as Mass
}
