//! The exact binomial test at p = 1/2: PREDICT's thresholds and k*.

use dashu::integer::UBig;

/// Least k with P[Bin(n, 1/2) >= k] <= alpha / 2: PREDICT's threshold for n votes and k* of the single-stage
/// certificate. None if not even k = n; `units` is alpha in units of 2^-100.
pub(super) fn least_significant(n: u32, units: u128) -> Option<u32> {
    let mut test = Test::new(units);
    (0..n).for_each(|_| test.advance());
    test.least()
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
