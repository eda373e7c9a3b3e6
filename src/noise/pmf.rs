//! The rounded Gaussian's probabilities, bracketed, and their rounding to integer masses.

use super::dyadic::Dyadic;
use super::gaussian::{BITS, Bounds, half_mass};
use dashu::integer::UBig;

/// Bounds of the ideal distribution of `round(255 sigma z)` on `-reach..=reach`, units of 2^-128.
pub(super) struct Cells {
    /// Entry v: bounds of P[noise = v] = P[noise = -v].
    pub(super) mass: Vec<Bounds>,
    /// Upper bound of P[|noise| > reach].
    pub(super) tail: UBig,
}

/// Brackets the cells `[v - 1/2, v + 1/2] / (255 sigma)` for `v = 0..=reach`.
pub(super) fn cells(sigma: &Dyadic, reach: u32) -> Cells {
    let (numerator, denominator) = sigma.ratio();
    let step = numerator * UBig::from(510u32); // x = (2v + 1) / (510 sigma)
    let edge = |v: u32| half_mass(&Bounds::of_ratio(&denominator * UBig::from(2 * v + 1), &step));
    let mut inner = edge(0);
    let mut mass = Vec::with_capacity(reach as usize + 1);
    mass.push(Bounds { low: &inner.low << 1, high: &inner.high << 1 });
    for v in 1..=reach {
        let outer = edge(v);
        let low = if outer.low > inner.high { &outer.low - &inner.high } else { UBig::ZERO };
        mass.push(Bounds { low, high: &outer.high - &inner.low });
        inner = outer;
    }
    let half = UBig::ONE << (BITS - 1);
    let tail = if inner.low < half { (half - inner.low) << 1 } else { UBig::ZERO };
    Cells { mass, tail }
}

/// Noise value of column 0: `-(2^(b-1) - 1)`, so that column `2^(b-1) - 1` is zero noise.
pub(super) fn min_value(column_bits: u32) -> i32 {
    1 - (1 << (column_bits - 1))
}

/// Mass of every column in units of 2^-64, summing to 2^64 exactly.
///
/// Every value but zero gets its probability rounded to the nearest unit; zero takes what is left, which
/// keeps the distribution symmetric and costs no more than any other place for the tail's mass.
pub(super) fn masses(cells: &Cells, column_bits: u32) -> Vec<u128> {
    let columns = 1usize << column_bits;
    let zero = columns / 2 - 1;
    let mut masses = vec![0u128; columns];
    let mut rest = 1u128 << 64;
    for (v, mass) in cells.mass.iter().enumerate().skip(1) {
        let units = nearest_unit(mass);
        masses[zero + v] = units;
        masses[zero - v] = units;
        rest -= 2 * units;
    }
    masses[zero] = rest;
    masses
}

/// The bracket's middle, rounded to units of 2^-64.
fn nearest_unit(mass: &Bounds) -> u128 {
    let doubled = &mass.low + &mass.high;
    u128::try_from((doubled + (UBig::ONE << (BITS - 64))) >> (BITS - 64 + 1)).unwrap_or(0)
}
