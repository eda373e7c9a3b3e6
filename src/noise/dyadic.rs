//! Floats as the exact rationals they are.

use dashu::integer::UBig;

/// A positive finite float: `mantissa * 2^exponent`, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dyadic {
    /// At most 53 bits, odd or zero.
    pub(crate) mantissa: u64,
    /// Power of two.
    pub(crate) exponent: i32,
}

impl Dyadic {
    /// Takes a positive finite float apart; the sign is ignored and the callers exclude infinities.
    pub(crate) fn from_f64(value: f64) -> Self {
        let bits = value.to_bits();
        let biased = (bits >> 52 & 0x7ff) as i32;
        let fraction = bits & ((1 << 52) - 1);
        let mantissa = if biased == 0 { fraction } else { fraction | 1 << 52 };
        let zeros = mantissa.trailing_zeros().min(63);
        Self { mantissa: mantissa >> zeros, exponent: biased.max(1) - 1075 + zeros as i32 }
    }

    /// The float.
    pub(crate) fn to_f64(self) -> f64 {
        // Two factors: 2^exponent alone may underflow.
        let half = self.exponent / 2;
        self.mantissa as f64 * 2f64.powi(half) * 2f64.powi(self.exponent - half)
    }

    /// `ceil(factor * self)`, for products below 2^64.
    pub(crate) fn ceil_times(&self, factor: u32) -> u64 {
        let product = u128::from(self.mantissa) * u128::from(factor);
        if self.exponent >= 0 {
            (product << self.exponent) as u64
        } else if self.exponent <= -120 {
            u64::from(product > 0)
        } else {
            product.div_ceil(1 << -self.exponent) as u64
        }
    }

    /// `(numerator, denominator)` of the exact rational.
    pub(crate) fn ratio(&self) -> (UBig, UBig) {
        let mantissa = UBig::from(self.mantissa);
        if self.exponent >= 0 {
            (mantissa << self.exponent as usize, UBig::ONE)
        } else {
            (mantissa, UBig::ONE << self.exponent.unsigned_abs() as usize)
        }
    }
}
