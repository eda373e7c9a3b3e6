//! Sequential certificates: one radius, as few votes as it takes (docs/soundness.md, section 4).
//!
//! After each of a fixed series of checkpoints the top class is certified if it has `accept` votes or more, and the
//! radius refuted if it has `reject` or fewer. Both counts come from walks of votes that end where the counts decide:
//! [`walk`] bounds the probability that a walk has ended from above, and [`levels`] takes the least count whose bound
//! stays within the share of alpha that [`schedule`] grants after so many votes. Nothing of it depends on the budget.

mod levels;
mod schedule;
#[cfg(test)]
mod tests;
mod walk;

use super::binomial::P_ONE;
use super::search::largest;
use super::smoothing::Smoothing;
use super::table::{RadiusRule, Table};
use super::{CertificateError, alpha_units, check_votes};
use levels::Levels;
use ringfence_runtime::certificate::Radius;
use ringfence_runtime::format::Method;
use statrs::distribution::{ContinuousCDF, Normal};

/// The least radius in units of 2^-20 pixel that is not below `radius`; None unless that is a positive `u32`.
#[must_use]
pub fn target_units(radius: f64) -> Option<u32> {
    let units = (radius * f64::from(Radius::ONE)).ceil(); // times a power of two: exact
    (units >= 1.0 && units <= f64::from(u32::MAX)).then_some(units as u32)
}

/// Checkpoints of the certificate that stops as soon as the radius `target` (pixels) is certain to be certified or
/// out of reach, after `budget` votes at the latest.
///
/// The target is rounded up to 2^-20 pixel. `sigma` and `tv_budget` as for [`two_stage`](super::two_stage). Of two
/// tables that differ in the budget alone, one begins with the other.
///
/// # Errors
/// Numbers out of range, or a target that not even unanimous votes certify.
pub fn sequential(
    target: f64,
    budget: u32,
    alpha: f64,
    sigma: f64,
    tv_budget: u64,
) -> Result<Table, CertificateError> {
    sequential_of(target, budget, alpha, Smoothing::l2(sigma, tv_budget))
}

/// [`sequential`] for any smoothing.
///
/// # Errors
/// As there.
pub fn sequential_of(
    target: f64,
    budget: u32,
    alpha: f64,
    smoothing: Smoothing,
) -> Result<Table, CertificateError> {
    check_votes("budget", budget)?;
    let alpha_units = alpha_units(alpha)?;
    let rule = RadiusRule::new(smoothing)?;
    let units = target_units(target).ok_or(CertificateError::Target { target })?;
    let unreachable = || match reach(budget, alpha_units, &rule) {
        Some(reach) => CertificateError::Unreachable { target, budget, alpha, reach: Radius(reach) },
        None => CertificateError::Nothing { n: budget, alpha },
    };
    let needed = needed(units, &rule).ok_or_else(unreachable)?;
    let (entries, certifies) = checkpoints(needed, budget, alpha_units);
    if !certifies {
        return Err(unreachable());
    }
    Ok(Table {
        method: Method::Sequential,
        n0: 0,
        n: budget,
        alpha,
        first: units,
        entries,
        norm: rule.norm(),
    })
}

/// Entries for a class that needs the probability `needed` (units of 2^-40), and whether any count certifies it.
fn checkpoints(needed: u64, budget: u32, alpha_units: u128) -> (Vec<u32>, bool) {
    let mut levels = Levels::new(needed, alpha_units);
    let (mut entries, mut certifies) = (Vec::new(), false);
    for at in schedule::checkpoints(budget).map(|votes| levels.advance(votes)) {
        certifies |= at.accept <= at.votes;
        // The others decide nothing.
        if at.accept <= at.votes || at.reject > 0 {
            entries.extend([at.votes, at.accept, at.reject]);
        }
    }
    (entries, certifies)
}

/// The least probability, in units of 2^-40, that proves a radius; None if 1 - 2^-40 does not.
fn needed(radius: u32, rule: &RadiusRule) -> Option<u64> {
    let short = |p: u64| rule.radius(p).is_none_or(|reached| reached < radius);
    let deviations = f64::from(radius) / f64::from(Radius::ONE) * rule.deviations();
    let guess = (Normal::standard().cdf(deviations) * P_ONE as f64) as u64;
    let least = largest(P_ONE / 2, P_ONE, guess, short) + 1;
    (least < P_ONE).then_some(least)
}

/// The largest radius that unanimous votes certify within a budget.
fn reach(budget: u32, alpha_units: u128, rule: &RadiusRule) -> Option<u32> {
    let proved = schedule::checkpoints(budget).map(|votes| levels::by_unanimity(votes, alpha_units));
    rule.radius(proved.max()?)
}
