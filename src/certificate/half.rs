//! The exact binomial test at p = 1/2: PREDICT's thresholds and k*.

use super::binomial::{Count, P_ONE};
use super::search::largest;
use dashu::integer::UBig;

/// Least k with P[Bin(n, 1/2) >= k] <= alpha / 2: PREDICT's threshold for n votes and k* of the single-stage
/// certificate. None if not even k = n; `units` is alpha in units of 2^-100.
pub(super) fn least_significant(n: u32, units: u128) -> Option<u32> {
    let half = u64::from(n / 2); // its tail is at least 1/2
    // 3 standard deviations: right for alpha about 0.003, and near enough for others.
    let guess = half + (1.5 * f64::from(n).sqrt()) as u64;
    let before = largest(half, u64::from(n) + 1, guess, |k| !is_significant(n, k as u32, units)) as u32;
    (before < n).then_some(before + 1)
}

/// Whether 2 P[Bin(n, 1/2) >= k] <= alpha, for 2k > n.
pub(super) fn is_significant(n: u32, k: u32, units: u128) -> bool {
    // The tail is below its bound by at most 2^-42 of it: per step of the coefficient 2^-63, at most 2^19
    // steps, and less for the sum. Twice that is allowed for.
    decide(n, k, units, 41)
}

/// As [`is_significant`], where the bound of the tail is trusted to 2^-`trusted` of itself; nearer to alpha the
/// outcomes are counted.
fn decide(n: u32, k: u32, units: u128, trusted: u32) -> bool {
    let tail = Count::new(n, k).tail(P_ONE / 2);
    if 2 * tail <= units {
        return true;
    }
    let least = (tail - (tail >> trusted)).saturating_sub(1);
    if 2 * least > units { false } else { counted(n, k, units) }
}

/// The test by summing C(n, j) over j >= k.
fn counted(n: u32, k: u32, units: u128) -> bool {
    let (mut outcomes, mut coefficient) = (UBig::ZERO, UBig::ONE);
    for missing in 0..=n - k {
        outcomes += &coefficient;
        coefficient = coefficient * (n - missing) / (missing + 1);
    }
    outcomes << 101 <= UBig::from(units) << n as usize
}

/// The least k with 2 * P[Bin(m, 1/2) >= k] <= alpha, as m grows; all integers are exact.
///
/// Going from m to m + 1 raises k by at most one, since P[Bin(m+1) >= k+1] <= P[Bin(m) >= k], and never
/// lowers it.
pub(super) struct Test {
    alpha: UBig,
    m: u32,
    k: u32,
    /// Number of outcomes with at least k successes: sum of C(m, j) over j >= k.
    outcomes: UBig,
    /// C(m, k), zero for k = m + 1.
    coefficient: UBig,
}

impl Test {
    /// m = 0, where k = 1 has no outcomes.
    pub(super) fn new(units: u128) -> Self {
        Self { alpha: UBig::from(units), m: 0, k: 1, outcomes: UBig::ZERO, coefficient: UBig::ZERO }
    }

    /// The least count among m that is significant.
    pub(super) fn least(&self) -> Option<u32> {
        (self.k <= self.m).then_some(self.k)
    }

    /// One vote more.
    pub(super) fn advance(&mut self) {
        // C(m, k-1) from C(m, k), the unanimous outcome if k = m + 1.
        let before =
            if self.k > self.m { UBig::ONE } else { &self.coefficient * self.k / (self.m - self.k + 1) };
        self.outcomes = (&self.outcomes << 1) + &before;
        self.coefficient += before;
        self.m += 1;
        if !self.is_significant() {
            self.outcomes -= &self.coefficient;
            self.coefficient = &self.coefficient * (self.m - self.k) / (self.k + 1);
            self.k += 1;
        }
    }

    /// 2 * outcomes / 2^m <= alpha * 2^-100.
    fn is_significant(&self) -> bool {
        &self.outcomes << 101 <= &self.alpha << self.m as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificate::alpha_units;

    #[test]
    fn bounded_and_counted_thresholds_are_the_same() {
        for alpha in [1e-9, 0.001, 0.05, 0.25] {
            let units = alpha_units(alpha).unwrap_or(0);
            let mut test = Test::new(units);
            for m in 0..=1500u32 {
                assert_eq!(least_significant(m, units), test.least(), "alpha {alpha}, m {m}");
                if let Some(k) = test.least().filter(|_| m % 10 == 0) {
                    // Trusting nothing, the outcomes are counted wherever the bound does not settle it.
                    assert!(decide(m, k, units, 0) && counted(m, k, units));
                    assert!(2 * (k - 1) <= m || !(decide(m, k - 1, units, 0) || counted(m, k - 1, units)));
                }
                test.advance();
            }
        }
    }

    #[test]
    fn a_tail_of_exactly_alpha_is_significant() {
        // 2 P[Bin(8, 1/2) >= 7] = 18/256: representable, so the bound alone need not see that it is met.
        let units = 18u128 << 92;
        assert!(is_significant(8, 7, units) && !is_significant(8, 7, units - 1));
        assert_eq!(least_significant(8, units), Some(7));
        assert_eq!(least_significant(8, units - 1), Some(8));
    }

    #[test]
    fn thresholds_of_a_million_votes_lie_where_the_normal_approximation_says() {
        // 500000 + 500 * 3.290527 + 1/2, rounded up.
        let units = alpha_units(0.001).unwrap_or(0);
        assert_eq!(least_significant(1_000_000, units), Some(501_646));
    }
}
