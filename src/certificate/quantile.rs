//! The normal quantile, rounded on demand down or up.

use super::search::largest;
use crate::noise::gaussian::{BITS, Bounds, half_mass};
use dashu::integer::UBig;
use statrs::distribution::{ContinuousCDF, Normal};

/// Fraction bits of a quantile.
pub(super) const Z_BITS: u32 = 40;

/// No quantile of a probability in units of 2^-64 is larger.
const Z_LIMIT: u64 = 10 << Z_BITS;

/// Lower bound of PhiInv(1/2 + half * 2^-64) in units of 2^-40; half below 2^63.
pub(super) fn below(half: u64) -> u64 {
    let target = UBig::from(half) << (BITS - 64);
    largest(0, Z_LIMIT, guess(half), |z| half_mass(&Bounds::exact(z, Z_BITS as usize)).high <= target)
}

/// Upper bound of PhiInv(1/2 + half * 2^-64) in units of 2^-40; half below 2^62.
pub(super) fn above(half: u64) -> u64 {
    if half == 0 {
        return 0;
    }
    let target = UBig::from(half) << (BITS - 64);
    let short = |z| half_mass(&Bounds::exact(z, Z_BITS as usize)).low < target;
    largest(0, Z_LIMIT, guess(half), short) + 1
}

fn guess(half: u64) -> u64 {
    // 1/2 - half keeps the digits of a probability near 1.
    let beyond = ((1u64 << 63) - half) as f64 / 2f64.powi(64);
    (-Normal::standard().inverse_cdf(beyond) * 2f64.powi(Z_BITS as i32)) as u64
}
