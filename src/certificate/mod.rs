//! Certificate tables: from vote counts to radii, rounded down.
//!
//! ```text
//! count k of n votes -> p_low(k) -> R = sigma * (PhiInv(p_low - e) - PhiInv(1/2 + e))
//! ```
//!
//! (divided by the square root of the number of values, where smoothing is adaptive and the radius L-infinity). e is the
//! noise table's total-variation budget. Floating point (statrs) only guesses where to look; every
//! p_low in a table is a dyadic rational for which `binomial` bounded the tail by alpha in directed integer
//! arithmetic, every quantile one for which `crate::noise::gaussian` bounded Phi, and the radius is rounded
//! down to 2^-20 pixel. alpha and sigma are the exact values of the floats given.
//!
//! ```
//! use ringfence::certificate::{Scheme, Smoothing};
//! use ringfence_runtime::certificate::Lookup;
//!
//! // Cohen's certificate with sigma 0.25 and a sampler without error.
//! let scheme = Scheme::two_stage(100, 1000, 0.001, Smoothing::l2(0.25, 0))?;
//! let radius = |count| scheme.radius(count).map(|radius| f64::from(radius.units()) / 1_048_576.0);
//! assert_eq!(radius(540), None); // abstained
//! assert!(radius(1000).is_some_and(|pixels| 0.6158 < pixels && pixels < 0.6159));
//! # Ok::<(), ringfence::certificate::CertificateError>(())
//! ```

mod binomial;
mod bound;
mod half;
mod predict;
mod quantile;
mod scheme;
mod search;
mod sequential;
mod smoothing;
mod table;
#[cfg(test)]
mod tests;

pub use bound::{lower_bound, single_stage_lower_bound};
pub use predict::{Significance, predict};
pub use ringfence_runtime::format::Method;
pub use scheme::Scheme;
pub use sequential::{sequential, sequential_of, target_units};
pub use smoothing::{Ball, Smoothing};
pub use table::{Table, section, single_stage, two_stage};

use crate::noise::SIGMA_RANGE;
use crate::noise::dyadic::Dyadic;
use ringfence_runtime::certificate::Radius;
use thiserror::Error;

/// Most votes of a table.
pub const MAX_VOTES: u32 = 1 << 20;

/// Probabilities of a wrong statement that tables are made for.
pub const ALPHA_RANGE: std::ops::RangeInclusive<f64> = 1e-9..=0.25;

/// Why no certificate table was made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No votes, or more than [`MAX_VOTES`].
    #[error("{name} = {votes} votes: 1..={MAX_VOTES} are possible")]
    Votes {
        /// Which number, `n`, `n0` or `budget`.
        name: &'static str,
        /// The number given.
        votes: u32,
    },
    /// alpha outside [`ALPHA_RANGE`] or not a number.
    #[error("alpha {alpha} is outside {}..={}", ALPHA_RANGE.start(), ALPHA_RANGE.end())]
    Alpha {
        /// The given probability of a wrong statement.
        alpha: f64,
    },
    /// sigma outside the range of noise tables or not a number.
    #[error("sigma {sigma} is outside {}..={} pixel (full scale = 1)", SIGMA_RANGE.start(), SIGMA_RANGE.end())]
    Sigma {
        /// The given standard deviation of the noise.
        sigma: f64,
    },
    /// A count above the number of votes.
    #[error("a count of {count} among {n} votes")]
    Count {
        /// The given count.
        count: u32,
        /// The given number of votes.
        n: u32,
    },
    /// A target radius that is not positive, too large for its unit or not a number.
    #[error("target radius {target}: expected pixels, above 0 and below 4096")]
    Target {
        /// The given radius in pixels.
        target: f64,
    },
    /// A target radius beyond what unanimous votes certify.
    #[error(
        "radius {target} cannot be proved with {budget} votes at alpha {alpha}: \
         the largest radius that unanimous votes can prove is {reach}"
    )]
    Unreachable {
        /// The given radius in pixels.
        target: f64,
        /// The given number of votes.
        budget: u32,
        /// The given probability of a wrong statement.
        alpha: f64,
        /// The largest radius that can be proved.
        reach: Radius,
    },
    /// Not even unanimous votes certify anything.
    #[error("{n} of {n} votes certify nothing at alpha {alpha}: draw more samples")]
    Nothing {
        /// The given number of votes.
        n: u32,
        /// The given probability of a wrong statement.
        alpha: f64,
    },
}

fn check_votes(name: &'static str, votes: u32) -> Result<(), CertificateError> {
    if (1..=MAX_VOTES).contains(&votes) { Ok(()) } else { Err(CertificateError::Votes { name, votes }) }
}

/// alpha in units of 2^-100, rounded down: exact, since its last bit is at least 2^-82 within
/// [`ALPHA_RANGE`].
fn alpha_units(alpha: f64) -> Result<u128, CertificateError> {
    if !ALPHA_RANGE.contains(&alpha) {
        return Err(CertificateError::Alpha { alpha });
    }
    let parts = Dyadic::from_f64(alpha);
    Ok(u128::from(parts.mantissa) << (100 + parts.exponent))
}
