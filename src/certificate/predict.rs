//! PREDICT's thresholds.

use super::half::Test;
use super::table::Table;
use super::{CertificateError, alpha_units, check_votes};
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
