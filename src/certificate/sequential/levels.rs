//! The counts that decide, chosen so that no statement is wrong with more than alpha.

use super::schedule::spent;
use super::walk::{MASS_BITS, Mass, Steps, Walk};
use crate::certificate::binomial::{Count, P_BITS, P_ONE, TAIL_BITS};
use crate::certificate::search::largest;
use ringfence_runtime::certificate::Checkpoint;

/// The walks of the proof, for a class that has just the probability needed, up to the last checkpoint.
pub(super) struct Levels {
    /// The probability that the target needs, units of 2^-40.
    needed: u64,
    alpha_units: u128,
    votes: u32,
    /// The class comes to the accepting counts.
    class: Walk,
    /// All other classes together do.
    others: Walk,
    /// So many votes are for other classes that the class is at the rejecting counts.
    misses: Walk,
}

impl Levels {
    pub(super) fn new(needed: u64, alpha_units: u128) -> Self {
        let start = Walk::new;
        Self { needed, alpha_units, votes: 0, class: start(), others: start(), misses: start() }
    }

    /// The least accepting and the largest rejecting count after `votes` votes in all.
    pub(super) fn advance(&mut self, votes: u32) -> Checkpoint {
        let more = votes - self.votes;
        let (for_it, against) = (Steps::new(more, self.needed), Steps::new(more, P_ONE - self.needed));
        self.votes = votes;
        self.class.advance(&for_it);
        self.others.advance(&against);
        self.misses.advance(&against);
        let limit = spent(self.alpha_units, votes);

        let fits = |count| is_convex(votes, count, self.needed);
        let accept = least(&[&self.class, &self.others], votes, 0, limit, fits);
        self.class.end(accept);
        self.others.end(accept);

        // A top class has votes, so missing them all decides nothing.
        let least_misses = least(&[&self.misses], votes, self.others.ended(), limit, |_| true);
        let reject = votes.saturating_sub(least_misses);
        if reject > 0 {
            self.misses.end(least_misses);
        }
        Checkpoint { votes, accept, reject }
    }
}

/// The least boundary that `fits` and at which the walks end with at most `limit - before`; `votes + 1` for none.
fn least(walks: &[&Walk], votes: u32, before: Mass, limit: Mass, fits: impl Fn(u32) -> bool) -> u32 {
    let mut sum = before + walks.iter().map(|walk| walk.ended()).sum::<Mass>();
    let mut boundary = walks.iter().map(|walk| walk.top()).max().unwrap_or(0);
    if sum > limit || (boundary <= votes && !fits(boundary)) {
        return votes + 1;
    }
    while let Some(count) = boundary.checked_sub(1) {
        sum += walks.iter().map(|walk| walk.at(count)).sum::<Mass>();
        if sum > limit || !fits(count) {
            break;
        }
        boundary = count;
    }
    boundary
}

/// Whether p^count (1-p)^(votes-count) is convex on `[0, needed]`, and for all larger counts too: the count is at
/// least one standard deviation above `votes * needed`, more exactly
/// `(count - votes p)^2 >= count (1-p)^2 + (votes - count) p^2` at p = needed.
pub(super) fn is_convex(votes: u32, count: u32, needed: u64) -> bool {
    let [votes, count, p] = [u128::from(votes), u128::from(count), u128::from(needed)];
    let one = 1u128 << P_BITS;
    // Counts have 21 bits, so nothing has more than 122.
    (count * one)
        .checked_sub(votes * p)
        .is_some_and(|over| over * over >= count * (one - p) * (one - p) + (votes - count) * p * p)
}

/// The largest probability, in units of 2^-40, that unanimous votes at a first checkpoint prove; 1/2 for none. A
/// little less than [`Levels`] finds, which rounds more.
pub(super) fn by_unanimity(votes: u32, alpha_units: u128) -> u64 {
    const ROUNDING: u128 = 1 << (TAIL_BITS - 50);
    let limit = u128::from(spent(alpha_units, votes)) << (TAIL_BITS - MASS_BITS);
    let all = Count::unanimous(votes);
    let proves = |p: u64| all.tail(p) + all.tail(P_ONE - p) + ROUNDING <= limit;
    let guess = (limit as f64 / 2f64.powi(TAIL_BITS as i32)).powf(1.0 / f64::from(votes));
    largest(P_ONE / 2, P_ONE, (guess * P_ONE as f64) as u64, proves)
}
