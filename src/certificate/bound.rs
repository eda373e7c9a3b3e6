//! p_low: lower confidence bounds of the top class's probability.

use super::binomial::{Count, P_BITS, P_ONE};
use super::half::least_significant;
use super::search::largest;
use super::{CertificateError, alpha_units, check_votes};
use statrs::distribution::{Beta, ContinuousCDF};

/// One-sided Clopper-Pearson lower bound for `count` of `n` votes (Clopper and Pearson 1934): a p, rounded
/// down to 2^-40, with P[Bin(n, p) >= count] <= alpha.
///
/// # Errors
/// Votes, count or alpha out of range.
pub fn lower_bound(count: u32, n: u32, alpha: f64) -> Result<f64, CertificateError> {
    check_votes("n", n)?;
    let units = alpha_units(alpha)?;
    if count > n {
        return Err(CertificateError::Count { count, n });
    }
    Ok(to_f64(clopper_pearson(&Count::new(n, count), alpha, units)))
}

/// Lower bound of the single-stage certificate (soundness.md section 4) for `count` of `n` votes, rounded
/// down to 2^-40. None below k*, where the certificate abstains.
///
/// # Errors
/// Votes, count or alpha out of range.
pub fn single_stage_lower_bound(count: u32, n: u32, alpha: f64) -> Result<Option<f64>, CertificateError> {
    check_votes("n", n)?;
    let units = alpha_units(alpha)?;
    if count > n {
        return Err(CertificateError::Count { count, n });
    }
    let bound = |least: u32| single_stage(&Count::new(n, count), &Count::new(n, least), alpha, units);
    Ok(least_significant(n, units).filter(|&least| count >= least).map(bound).map(to_f64))
}

/// The bound of [`lower_bound`] in units of 2^-40; `units` is alpha in units of 2^-100.
pub(super) fn clopper_pearson(count: &Count, alpha: f64, units: u128) -> u64 {
    largest(0, P_ONE, beta_quantile(count, alpha), |q| count.tail(q) <= units)
}

/// `sup { p >= 1/2 : P[Bin(n,p) >= k] + P[Bin(n,1-p) >= k*] <= alpha }` in units of 2^-40.
///
/// The set is an interval from 1/2: there the sum is at most alpha by the choice of k*, and the ratio of the
/// summands' slopes grows with p like (p / (1-p))^(k + k* - n - 1), so the sum falls, if at all, before it
/// rises.
pub(super) fn single_stage(count: &Count, least: &Count, alpha: f64, units: u128) -> u64 {
    let accept = |q: u64| count.tail(q) + least.tail(P_ONE - q) <= units;
    largest(P_ONE / 2, P_ONE, beta_quantile(count, alpha), accept)
}

/// A guess of the Clopper-Pearson bound: the beta quantile in floating point.
fn beta_quantile(count: &Count, alpha: f64) -> u64 {
    let (k, n) = (f64::from(count.k), f64::from(count.n));
    let quantile = Beta::new(k, n - k + 1.0).map_or(0.0, |beta| beta.inverse_cdf(alpha));
    (quantile * P_ONE as f64) as u64
}

fn to_f64(q: u64) -> f64 {
    q as f64 / 2f64.powi(P_BITS as i32)
}
