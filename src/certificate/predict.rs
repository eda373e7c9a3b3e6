//! PREDICT's thresholds and k*: the exact binomial test at p = 1/2.

use super::table::Table;
use super::{CertificateError, alpha_units, check_votes};
use dashu::integer::UBig;
use ringfence_runtime::format::Method;

/// Table of Cohen's PREDICT for up to `n` votes: entry m is the least count of the top class that a two-sided
/// exact binomial test at level alpha finds significant among m votes of the top two classes, `n + 1` for
/// none.
///
/// # Errors
/// Votes or alpha out of range, or n too small for any significance.
pub fn predict(n: u32, alpha: f64) -> Result<Table, CertificateError> {
    check_votes("n", n)?;
    let mut test = Test::new(alpha_units(alpha)?);
    let mut entries = vec![n + 1];
    for _ in 0..n {
        test.advance();
        entries.push(test.least().unwrap_or(n + 1));
    }
    if test.least().is_none() {
        return Err(CertificateError::Nothing { n, alpha });
    }
    Ok(Table { method: Method::Predict, n0: 0, n, alpha, first: 0, entries })
}

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
struct Test {
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
    fn new(units: u128) -> Self {
        Self { alpha: UBig::from(units), m: 0, k: 1, outcomes: UBig::ZERO, coefficient: UBig::ZERO }
    }

    /// The least count among m that is significant.
    fn least(&self) -> Option<u32> {
        (self.k <= self.m).then_some(self.k)
    }

    /// One vote more.
    fn advance(&mut self) {
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
