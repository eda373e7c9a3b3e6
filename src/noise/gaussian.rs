//! Rigorous bounds of the normal distribution function, in fixed point of 128 fraction bits.
//!
//! For x >= 0, Phi(x) - 1/2 = phi(x) * sum_k x^(2k+1) / (2k+1)!! (Abramowitz & Stegun 26.2.11), hence
//!
//! ```text
//! Phi(x) - 1/2 = S / (sqrt(2 pi) * E),   S = sum_k x^(2k+1) / (2k+1)!!,   E = exp(x^2/2) = sum_k x^(2k) / (2k)!!
//! ```
//!
//! Both sums have positive terms only: rounding every operation down gives a lower bound of a sum, rounding
//! every operation up and adding a bound of the remainder gives an upper bound. There is no cancellation to
//! analyse.

use dashu::base::SquareRoot;
use dashu::integer::UBig;

/// Fraction bits of the fixed-point numbers of this module.
pub(crate) const BITS: usize = 128;

/// `low <= value <= high`, in units of 2^-128.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Lower bound.
    pub(crate) low: UBig,
    /// Upper bound.
    pub(crate) high: UBig,
}

impl Bounds {
    /// Bounds of `numerator / denominator`.
    pub(crate) fn of_ratio(numerator: UBig, denominator: &UBig) -> Self {
        let scaled = numerator << BITS;
        Self { low: &scaled / denominator, high: div_ceil(scaled, denominator) }
    }

    /// The exact value `units * 2^-bits`, `bits <= 128`.
    pub(crate) fn exact(units: u64, bits: usize) -> Self {
        let value = UBig::from(units) << (BITS - bits);
        Self { low: value.clone(), high: value }
    }
}

/// Direction in which every operation of a sum is rounded.
#[derive(Clone, Copy)]
enum Round {
    Down,
    Up,
}

/// Phi(x) - 1/2 for x >= 0. Meant for x up to about 20: the work grows with x^2.
pub(crate) fn half_mass(x: &Bounds) -> Bounds {
    let root = root_two_pi();
    let square = Bounds { low: (&x.low * &x.low) >> BITS, high: shift_ceil(&x.high * &x.high, BITS) };
    let one = UBig::ONE << BITS;
    let odd = |x: &UBig, square: &UBig, round| series(x.clone(), square, 3, round);
    let even = |square: &UBig, round| series(one.clone(), square, 2, round);
    let low =
        (odd(&x.low, &square.low, Round::Down) << (2 * BITS)) / (&root.high * even(&square.high, Round::Up));
    let high = div_ceil(
        odd(&x.high, &square.high, Round::Up) << (2 * BITS),
        &(&root.low * even(&square.low, Round::Down)),
    );
    Bounds { low, high }
}

/// Bounds of the sum of `t_0 = first`, `t_k = t_(k-1) * square / (divisor + 2(k-1))`.
fn series(first: UBig, square: &UBig, divisor: u64, round: Round) -> UBig {
    let mut sum = first.clone();
    let mut term = first;
    let mut divisor = divisor;
    loop {
        let product = term * square;
        term = match round {
            Round::Down => (product >> BITS) / divisor,
            Round::Up => div_ceil(shift_ceil(product, BITS), &UBig::from(divisor)),
        };
        divisor += 2;
        sum += &term;
        // Once a term is at most one unit and the ratio of the following terms at most 1/2, they add at most
        // one unit.
        let halving = UBig::from(divisor) << (BITS - 1) >= *square;
        if term <= UBig::ONE && halving {
            return match round {
                Round::Down => sum,
                Round::Up => sum + UBig::ONE,
            };
        }
    }
}

/// sqrt(2 pi), from the first 128 fraction bits of pi.
fn root_two_pi() -> Bounds {
    let pi = (UBig::from(3u8) << BITS) + UBig::from(0x243F_6A88_85A3_08D3_1319_8A2E_0370_7344_u128);
    let low = (&pi << (BITS + 1)).sqrt();
    let high = ((pi + UBig::ONE) << (BITS + 1)).sqrt() + UBig::ONE;
    Bounds { low, high }
}

fn div_ceil(numerator: UBig, denominator: &UBig) -> UBig {
    (numerator + denominator - UBig::ONE) / denominator
}

/// `ceil(value / 2^bits)`.
pub(crate) fn shift_ceil(value: UBig, bits: usize) -> UBig {
    (value + ((UBig::ONE << bits) - UBig::ONE)) >> bits
}
