//! The normal quantile as polynomials, for noise whose deviation is not known beforehand.
//!
//! Tail probabilities p of 63 bits are cut into octaves and eight segments each; in a segment a polynomial of degree 7
//! stands for PhiInv(1 - p/2). It interpolates at Chebyshev's nodes; that it does is checked against bounds of Phi, and
//! what it does between them follows from the eighth derivative (docs/soundness.md, section 9).

use std::f64::consts::PI;
use std::sync::LazyLock;

use dashu::integer::UBig;
use rayon::prelude::*;
use ringfence_runtime::format::layout::{
    QUANTILE_BITS, QUANTILE_COEFFICIENTS as NODES, QUANTILE_FRACTION, QUANTILE_SEGMENT_BYTES,
    QUANTILE_SEGMENTS,
};
use statrs::distribution::{ContinuousCDF, Normal};

use super::NoiseError;
use super::gaussian::{BITS, Bounds, half_mass};

/// No polynomial is further than 2^-42 from the quantile.
pub const ERROR_BITS: u32 = 42;

/// Deviation at the nodes and remainder between them that are accepted; with the Lebesgue constant of eight nodes (2.5) and
/// the rounding of an evaluation (2^-55) they stay below 2^-42.
const NODE_BITS: usize = 50;
const REMAINDER: f64 = 1.0 / (1u64 << 43) as f64;

/// Fraction bits of a place in a segment, and of fitted values.
const PLACE_BITS: u32 = 32;
const FIT_BITS: u32 = 80;

/// Coefficients of one segment, constant first, units of 2^-58.
type Polynomial = [i64; NODES];

/// All segments as the runtime reads them.
pub type QuantileTable = [[u8; QUANTILE_SEGMENT_BYTES]; QUANTILE_SEGMENTS];

/// The table, made once and the same for all models.
///
/// # Errors
/// [`NoiseError::Quantile`] where a polynomial misses its bound.
pub fn quantiles() -> Result<&'static QuantileTable, NoiseError> {
    static TABLE: LazyLock<Result<Box<QuantileTable>, NoiseError>> = LazyLock::new(make);
    TABLE.as_deref().map_err(NoiseError::clone)
}

/// Bound of the total variation distance of a second step of noise for `values` values from an exact one, units of
/// 2^-64, rounded up (saturating). `first` is the first step's deviation in 1/(255 * 255).
///
/// A mixed value jumps at most `first / 510` times while a deviate grows by one.
#[must_use]
pub fn second_step_budget(first: u32, values: usize) -> u64 {
    let jumps = u128::from(first.div_ceil(510));
    let near_a_jump = (jumps + 1) << (64 - ERROR_BITS + 1);
    let grid = 2 * (34 * jumps + 4);
    let tail = 1 << (64 - 48);
    u64::try_from((near_a_jump + grid + tail) * values as u128).unwrap_or(u64::MAX)
}

fn make() -> Result<Box<QuantileTable>, NoiseError> {
    let segments: Vec<Polynomial> = (0..QUANTILE_SEGMENTS)
        .into_par_iter()
        .map(|index| Segment::new(index).fit())
        .collect::<Result<_, _>>()?;
    let mut table = Box::new([[0; QUANTILE_SEGMENT_BYTES]; QUANTILE_SEGMENTS]);
    for (bytes, polynomial) in table.iter_mut().zip(&segments) {
        bytes
            .as_chunks_mut()
            .0
            .iter_mut()
            .zip(polynomial)
            .for_each(|(b, c): (&mut [u8; 8], _)| *b = c.to_le_bytes());
    }
    Ok(table)
}

/// A segment of tail probabilities `2^-(octave + 1) (1 + (part + t) / 8)`, t in [0, 1).
struct Segment {
    index: usize,
    octave: u32,
    part: u64,
}

impl Segment {
    fn new(index: usize) -> Self {
        let part = index & ((1 << QUANTILE_BITS) - 1);
        Self { index, octave: (index >> QUANTILE_BITS) as u32, part: part as u64 }
    }

    /// The interpolating polynomial, checked.
    fn fit(&self) -> Result<Polynomial, NoiseError> {
        let nodes = nodes();
        let values = nodes.map(|place| self.quantile(place));
        let polynomial = interpolate(&nodes, values);
        let holds = nodes.iter().all(|place| self.brackets(&polynomial, *place));
        let remainder = self.remainder(values[0].max(self.quantile(0)));
        if holds && remainder <= REMAINDER {
            Ok(polynomial)
        } else {
            Err(NoiseError::Quantile { segment: self.index })
        }
    }

    /// Phi - 1/2 of the quantile at a place, units of 2^-128; exact.
    fn half(&self, place: u64) -> UBig {
        let tail = ((8 + self.part) << PLACE_BITS) + place;
        let shift = BITS - 1 - (self.octave + 1 + QUANTILE_BITS + PLACE_BITS) as usize;
        (UBig::ONE << (BITS - 1)) - (UBig::from(tail) << shift)
    }

    /// The quantile at a place in units of 2^-80, by Newton's method; only a guess until it is checked.
    fn quantile(&self, place: u64) -> i128 {
        let target = self.half(place);
        let tail = ((8 + self.part) as f64 + place as f64 / 2f64.powi(PLACE_BITS as i32))
            * 2f64.powi(-(self.octave as i32 + 2 + QUANTILE_BITS as i32));
        let mut z = (-Normal::standard().inverse_cdf(tail) * 2f64.powi(FIT_BITS as i32)) as i128;
        for _ in 0..3 {
            let found = half_mass(&exact(z)).low;
            let (above, difference) =
                if found > target { (1.0, found - &target) } else { (-1.0, &target - found) };
            let real = z as f64 / 2f64.powi(FIT_BITS as i32);
            let mass = u128::try_from(difference).unwrap_or(u128::MAX) as f64 / 2f64.powi(BITS as i32);
            z -= (above * mass / density(real) * 2f64.powi(FIT_BITS as i32)) as i128;
        }
        z
    }

    /// Whether the polynomial is within 2^-50 of the quantile at a place.
    fn brackets(&self, polynomial: &Polynomial, place: u64) -> bool {
        // Units of 2^-88: each step rounds by less than one.
        let value = polynomial
            .iter()
            .rev()
            .fold(0i128, |sum, c| ((sum * i128::from(place)) >> PLACE_BITS) + (i128::from(*c) << 30));
        let room = 1i128 << (88 - NODE_BITS);
        let target = self.half(place);
        let at = |value: i128| u128::try_from(value).ok().map(|value| UBig::from(value) << (BITS - 88));
        let bounds = |value| at(value).map(|x| half_mass(&Bounds { low: x.clone(), high: x }));
        let (below, above) = (bounds(value - room), bounds(value + room));
        below.is_some_and(|below| below.high <= target) && above.is_some_and(|above| above.low >= target)
    }

    /// Bound of what interpolation leaves out: the eighth derivative by the tail probability, at its largest where the
    /// quantile is, `z` in units of 2^-80.
    fn remainder(&self, z: i128) -> f64 {
        let z = z as f64 / 2f64.powi(FIT_BITS as i32) + 1e-9;
        let width = 2f64.powi(-(self.octave as i32 + 2 + QUANTILE_BITS as i32));
        let factorial: f64 = (1..=NODES).map(|n| n as f64).product();
        // Chebyshev's nodes, rounded to 2^-32, leave |prod (t - t_i)| <= 2 / 4^8.
        let product = 2.0 / 4f64.powi(NODES as i32) * 1.001;
        derivative(z) * (width / density(z)).powi(NODES as i32) * product / factorial
    }
}

/// The numerator of the eighth derivative of the quantile: with respect to a probability the n-th one is
/// `P_n(z) / phi(z)^n`, where `P_1 = 1` and `P_(n+1) = P_n' + n z P_n`.
fn derivative(z: f64) -> f64 {
    let mut p = vec![1.0];
    for n in 1..NODES {
        let mut next = vec![0.0; p.len() + 1];
        for (power, c) in p.iter().enumerate() {
            next[power + 1] += n as f64 * c;
            if power > 0 {
                next[power - 1] += power as f64 * c;
            }
        }
        p = next;
    }
    p.iter().rev().fold(0.0, |sum, c| sum * z + c)
}

fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / (2.0 * PI).sqrt()
}

fn exact(z: i128) -> Bounds {
    let x = UBig::from(u128::try_from(z).unwrap_or(0)) << (BITS - FIT_BITS as usize);
    Bounds { low: x.clone(), high: x }
}

/// Chebyshev's nodes in [0, 1], units of 2^-32, rising.
fn nodes() -> [u64; NODES] {
    std::array::from_fn(|i| {
        let angle = (2 * i + 1) as f64 * PI / (2 * NODES) as f64;
        ((1.0 - angle.cos()) / 2.0 * 2f64.powi(PLACE_BITS as i32)).round() as u64
    })
}

/// The polynomial through the values (units of 2^-80) at the nodes: Newton's divided differences, multiplied out.
fn interpolate(nodes: &[u64; NODES], values: [i128; NODES]) -> Polynomial {
    let mut differences = values;
    for order in 1..NODES {
        for i in (order..NODES).rev() {
            let rise = differences[i] - differences[i - 1];
            differences[i] = (rise << PLACE_BITS) / i128::from(nodes[i] - nodes[i - order]);
        }
    }
    let mut polynomial = [0i128; NODES];
    for (difference, node) in differences.iter().zip(nodes).rev() {
        let before = polynomial;
        for (power, c) in polynomial.iter_mut().enumerate() {
            let shifted = if power == 0 { *difference } else { before[power - 1] };
            *c = shifted - ((before[power] * i128::from(*node)) >> PLACE_BITS);
        }
    }
    let shift = FIT_BITS - QUANTILE_FRACTION;
    polynomial.map(|c| ((c + (1 << (shift - 1))) >> shift) as i64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use ringfence_runtime::noise::quantile;

    use super::*;

    /// A word with this sign and these 63 bits of tail probability.
    fn word(negative: bool, tail: u64) -> u64 {
        u64::from(negative) << 63 | tail
    }

    #[test]
    fn deviates_are_within_the_bound_of_the_exact_quantile() {
        let table = quantiles().unwrap();
        let mut state = 1u64;
        for round in 0..4000u32 {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            // Every octave in turn.
            let tail = (state >> 1 | 1 << 62) >> (round % 48);
            let z = quantile(table, word(false, tail));
            assert_eq!(quantile(table, word(true, tail)), -z);
            // PhiInv(1 - p/2) with p = (2 tail + 1) / 2^64.
            let half = (UBig::ONE << (BITS - 1)) - (UBig::from(2 * u128::from(tail) + 1) << (BITS - 65));
            let room = 1i64 << (QUANTILE_FRACTION - ERROR_BITS);
            let bounds = |z: i64| {
                let x = UBig::from(z.max(0) as u64) << (BITS - QUANTILE_FRACTION as usize);
                half_mass(&Bounds { low: x.clone(), high: x })
            };
            assert!(bounds(z - room).low <= half || z < room, "tail {tail:x}");
            assert!(bounds(z + room).high >= half, "tail {tail:x}");
        }
    }

    #[test]
    fn the_ends_are_finite_and_the_middle_is_zero() {
        let table = quantiles().unwrap();
        let one = 1i64 << QUANTILE_FRACTION;
        assert!(quantile(table, word(false, u64::MAX >> 1)).abs() < one >> 40);
        let far = quantile(table, word(false, 0));
        assert!(far > 7 * one && far < 9 * one, "{far}");
    }

    #[test]
    fn charge_of_an_image() {
        // sigma 0.5, half of the budget each: sigma1 = 0.7072, 3 x 64 x 64 values.
        let charge = second_step_budget(45_980, 12_288) as f64 / 2f64.powi(64);
        assert!(charge > 91.0 * 2f64.powi(-41) * 12_288.0 && charge < 1e-6, "{charge:e}");
        assert_eq!(second_step_budget(u32::MAX, usize::MAX), u64::MAX);
    }
}
