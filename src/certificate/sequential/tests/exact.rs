//! Levels by dynamic programming over the whole walk, in exact integers.

use super::super::levels::{Levels, is_convex};
use super::super::schedule::{checkpoints, spent};
use super::super::walk::{MASS_BITS, Mass, Steps, Walk};
use super::units;
use crate::certificate::alpha_units;
use crate::certificate::binomial::{P_BITS, P_ONE};
use num_bigint::BigUint;
use proptest::prelude::*;
use ringfence_runtime::certificate::Checkpoint;

/// A walk of votes that are for a class with probability p * 2^-40, in units of 2^-(40 votes).
#[derive(Clone)]
struct ExactWalk {
    p: u64,
    votes: u32,
    cells: Vec<BigUint>,
    ended: BigUint,
}

impl ExactWalk {
    fn new(p: u64) -> Self {
        Self { p, votes: 0, cells: vec![BigUint::from(1u8)], ended: BigUint::ZERO }
    }

    fn advance(&mut self, votes: u32) {
        for _ in self.votes..votes {
            let mut next = vec![BigUint::ZERO; self.cells.len() + 1];
            for (count, mass) in self.cells.iter().enumerate() {
                next[count] += mass * (P_ONE - self.p);
                next[count + 1] += mass * self.p;
            }
            self.cells = next;
            self.ended <<= P_BITS;
        }
        self.votes = votes;
    }

    fn end(&mut self, boundary: u32) {
        for mass in self.cells.iter_mut().skip(boundary as usize) {
            self.ended += std::mem::take(mass);
        }
    }

    /// What the walk ends with if the next boundary is this one.
    fn if_ended(&self, boundary: u32) -> BigUint {
        self.cells.iter().skip(boundary as usize).fold(self.ended.clone(), |sum, mass| sum + mass)
    }
}

/// Whether a sum of exact probabilities is at most alpha * votes / (votes + 200).
fn within(sum: &BigUint, votes: u32, alpha: u128) -> bool {
    (sum * (votes + 200)) << 100u32 <= (BigUint::from(alpha) * votes) << (P_BITS * votes)
}

/// The exact walks of the proof.
struct ExactLevels {
    class: ExactWalk,
    others: ExactWalk,
    misses: ExactWalk,
}

impl ExactLevels {
    fn new(needed: u64) -> Self {
        let against = P_ONE - needed;
        Self {
            class: ExactWalk::new(needed),
            others: ExactWalk::new(against),
            misses: ExactWalk::new(against),
        }
    }

    fn advance(&mut self, votes: u32) {
        for walk in [&mut self.class, &mut self.others, &mut self.misses] {
            walk.advance(votes);
        }
    }

    fn accepting(&self, accept: u32) -> BigUint {
        self.class.if_ended(accept) + self.others.if_ended(accept)
    }

    /// With the accepting counts already ended.
    fn rejecting(&self, reject: u32, votes: u32) -> BigUint {
        self.misses.if_ended(votes - reject) + &self.others.ended
    }
}

/// Every boundary keeps the level, and the next one would not.
fn check_levels(needed: u64, alpha: f64, budget: u32) {
    let alpha_units = alpha_units(alpha).unwrap();
    let mut levels = Levels::new(needed, alpha_units);
    let mut exact = ExactLevels::new(needed);
    let (mut accepting, mut rejecting) = (0, 0);
    for votes in checkpoints(budget) {
        let Checkpoint { accept, reject, .. } = levels.advance(votes);
        exact.advance(votes);
        let name = format!("p* {needed} / 2^40, alpha {alpha}, {votes} votes: {accept}, {reject}");
        assert!(within(&exact.accepting(accept), votes, alpha_units), "{name}");
        let tight = is_convex(votes, accept - 1, needed);
        assert!(
            !tight || !within(&exact.accepting(accept - 1), votes, alpha_units),
            "{name}: accept is not least"
        );
        accepting += u32::from(tight && accept <= votes);
        exact.class.end(accept);
        exact.others.end(accept);
        if reject > 0 {
            assert!(within(&exact.rejecting(reject, votes), votes, alpha_units), "{name}");
            rejecting += 1;
        }
        if reject + 1 < votes {
            assert!(
                !within(&exact.rejecting(reject + 1, votes), votes, alpha_units),
                "{name}: reject is not largest"
            );
        }
        if reject > 0 {
            exact.misses.end(votes - reject);
        }
        assert!(
            reject < accept
                && u128::from(reject) * u128::from(P_ONE) < u128::from(votes) * u128::from(needed)
        );
    }
    assert!(
        accepting > 3 && rejecting > 3,
        "p* {needed}: {accepting} accepting, {rejecting} rejecting checkpoints"
    );
}

#[test]
fn levels_are_exact_and_no_count_can_be_shifted() {
    for alpha in [0.001, 0.05] {
        for p in [0.500_001, 0.655, 0.841, 0.95] {
            check_levels(units(p), alpha, 200);
        }
    }
    check_levels(units(0.977), 0.001, 500);
    check_levels(units(0.7), 0.25, 100);
}

#[test]
fn bounds_of_walks_are_close() {
    for (p, boundary) in [(0.6, 0.75), (0.9, 0.97), (0.2, 0.4)] {
        let (mut walk, mut exact) = (Walk::new(), ExactWalk::new(units(p)));
        let mut before = 0;
        for votes in checkpoints(300) {
            walk.advance(&Steps::new(votes - before, units(p)));
            exact.advance(votes);
            before = votes;
            let least = (f64::from(votes) * boundary) as u32 + 3;
            walk.end(least);
            exact.end(least);
            let bound = BigUint::from(walk.ended()) << (P_BITS * votes);
            let exact_units = exact.ended.clone() << MASS_BITS;
            assert!(bound >= exact_units, "p {p}, {votes} votes");
            // 2^-40 relative, and the dust of each checkpoint.
            let slack = (&exact_units >> 40u32) + (BigUint::from(200u64 * 2100) << (P_BITS * votes));
            assert!(bound <= exact_units + slack, "p {p}, {votes} votes");
        }
        assert!(walk.ended() > 1 << 40, "p {p}: nothing ends");
    }
}

#[test]
fn the_share_of_alpha_rises_to_alpha() {
    let alpha = alpha_units(0.001).unwrap();
    let shares: Vec<Mass> = checkpoints(1 << 20).map(|votes| spent(alpha, votes)).collect();
    assert!(shares.is_sorted_by(|a, b| a < b));
    let all = (alpha >> (100 - MASS_BITS)) as Mass;
    assert_eq!(spent(alpha, 200), all / 2);
    assert!(*shares.last().unwrap() < all && shares.last().unwrap().abs_diff(all) < all / 5000);
}

#[test]
fn checkpoints_are_round_and_close_to_each_other() {
    let all: Vec<u32> = checkpoints(1_000_000).collect();
    assert_eq!(all[..12], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    for wanted in [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 100_000, 1_000_000] {
        assert!(all.contains(&wanted), "{wanted}");
    }
    for pair in all.windows(2).filter(|pair| pair[0] >= 10) {
        assert!(pair[0] < pair[1] && 10 * (pair[1] - pair[0]) <= pair[0], "{pair:?}");
    }
    assert_eq!(checkpoints(1234).last(), Some(1200));
    assert_eq!(checkpoints(1000).count(), 80);
}

/// p^count (1-p)^(votes-count) in units of 2^-(40 votes).
fn likelihood(votes: u32, count: u32, p: u64) -> BigUint {
    BigUint::from(p).pow(count) * BigUint::from(P_ONE - p).pow(votes - count)
}

proptest! {
    #[test]
    fn convex_means_convex(votes in 1u32..80, count in 0u32..80, needed in 0.5f64..0.99, part in 0.0f64..1.0) {
        let (count, needed) = (count % (votes + 1), units(needed));
        if is_convex(votes, count, needed) {
            let step = 1u64 << 28;
            let p = units(part).min(needed - step).max(step);
            let [low, middle, high] = [p - step, p, p + step].map(|p| likelihood(votes, count, p));
            prop_assert!(low + high >= middle * 2u8);
            prop_assert!(count == votes || is_convex(votes, count + 1, needed));
        }
    }

    #[test]
    fn what_is_refused_as_convex_is_not(votes in 2u32..60, count in 1u32..60, needed in 0.5f64..0.99) {
        let (count, needed) = (count % votes, units(needed));
        // Not convex right below the probability needed, with room for the width of the difference.
        let step = 1u64 << 30;
        if count > 0 && !is_convex(votes, count, needed - 4 * step) && u128::from(count) << 40 >= u128::from(votes) * u128::from(needed) {
            let [low, middle, high] = [needed - step, needed, needed + step].map(|p| likelihood(votes, count, p));
            prop_assert!(low + high <= middle * 2u8);
        }
    }
}
