//! PREDICT's thresholds.

use super::half::{Test, is_significant, least_significant};
use super::table::Table;
use super::{CertificateError, alpha_units, check_votes};
use ringfence_runtime::certificate::{Lookup, Radius};
use ringfence_runtime::format::{Method, Norm};

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
    Ok(Table { method: Method::Predict, n0: 0, n, alpha, first: 0, entries, norm: Norm::L2 })
}

/// The same test for the two numbers at hand, without the table.
pub struct Significance {
    n: u32,
    alpha: f64,
    /// alpha in units of 2^-100.
    units: u128,
}

impl Significance {
    /// The test for up to `n` votes at level alpha.
    ///
    /// # Errors
    /// Votes or alpha out of range, or n too small for any significance.
    pub fn new(n: u32, alpha: f64) -> Result<Self, CertificateError> {
        check_votes("n", n)?;
        let units = alpha_units(alpha)?;
        least_significant(n, units).ok_or(CertificateError::Nothing { n, alpha })?;
        Ok(Self { n, alpha, units })
    }
}

impl Lookup for Significance {
    fn method(&self) -> Method {
        Method::Predict
    }

    fn n0(&self) -> u32 {
        0
    }

    fn n(&self) -> u32 {
        self.n
    }

    fn alpha_bits(&self) -> u64 {
        self.alpha.to_bits()
    }

    fn radius(&self, _: u32) -> Option<Radius> {
        None
    }

    fn is_significant(&self, count: u32, together: u32) -> bool {
        (count..=self.n).contains(&together)
            && count > together / 2
            && is_significant(together, count, self.units)
    }
}
