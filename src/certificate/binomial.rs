//! Upper bounds of binomial tails: every operation rounds up.

/// Fraction bits of the success probability q * 2^-40.
pub(super) const P_BITS: u32 = 40;

/// 1 as a success probability.
pub(super) const P_ONE: u64 = 1 << P_BITS;

/// Fraction bits of a tail bound.
pub(super) const TAIL_BITS: u32 = 100;

/// Fraction bits of the terms of a tail relative to its first term; leaves room for `n - j` and `q` in 128
/// bits.
const TERM_BITS: u32 = 62;

/// Upper bound of a positive real: `mantissa * 2^exponent`, the mantissa's top bit set. Each operation adds
/// at most 2^-63 of the value.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Above {
    mantissa: u64,
    exponent: i64,
}

impl Above {
    const ONE: Self = Self { mantissa: 1 << 63, exponent: -63 };

    /// The least bound of `value * 2^exponent`, for a positive value.
    fn new(value: u128, exponent: i64) -> Self {
        let excess = 64 - i64::from(value.leading_zeros());
        if excess <= 0 {
            return Self { mantissa: (value as u64) << -excess, exponent: exponent + excess };
        }
        match u64::try_from(value.div_ceil(1 << excess)) {
            Ok(mantissa) => Self { mantissa, exponent: exponent + excess },
            Err(_) => Self { mantissa: 1 << 63, exponent: exponent + excess + 1 },
        }
    }

    fn times(self, other: Self) -> Self {
        Self::new(u128::from(self.mantissa) * u128::from(other.mantissa), self.exponent + other.exponent)
    }

    /// `self * numerator / denominator`, both positive.
    fn scaled(self, numerator: u32, denominator: u32) -> Self {
        let product = u128::from(self.mantissa) * u128::from(numerator);
        Self::new((product << 32).div_ceil(u128::from(denominator)), self.exponent - 32)
    }

    /// `self^power` by squaring.
    fn power(self, power: u32) -> Self {
        let (mut result, mut square, mut power) = (Self::ONE, self, power);
        while power > 0 {
            if power & 1 == 1 {
                result = result.times(square);
            }
            square = square.times(square);
            power >>= 1;
        }
        result
    }

    /// In units of 2^-100, at most 1.
    fn units(self) -> u128 {
        let mantissa = u128::from(self.mantissa);
        let units = match self.exponent + i64::from(TAIL_BITS) {
            ..=-64 => 1,
            shift @ ..0 => mantissa.div_ceil(1 << -shift),
            shift @ ..64 => mantissa << shift,
            _ => u128::MAX,
        };
        units.min(1 << TAIL_BITS)
    }
}

/// A count k of n votes, with its binomial coefficient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Count {
    pub(super) n: u32,
    pub(super) k: u32,
    coefficient: Above,
}

impl Count {
    /// All n votes.
    pub(super) fn unanimous(n: u32) -> Self {
        Self { n, k: n, coefficient: Above::ONE }
    }

    /// k of n votes, by at most min(k, n - k) steps.
    pub(super) fn new(n: u32, k: u32) -> Self {
        let steps = k.min(n - k); // C(n, k) = C(n, n - k)
        let coefficient = (0..steps).fold(Above::ONE, |c, i| c.scaled(n - i, i + 1));
        Self { n, k, coefficient }
    }

    /// One vote less: C(n, k-1) = C(n, k) * k / (n-k+1). None below zero.
    pub(super) fn previous(self) -> Option<Self> {
        let k = self.k.checked_sub(1)?;
        Some(Self { n: self.n, k, coefficient: self.coefficient.scaled(self.k, self.n - k) })
    }

    /// Upper bound of P[Bin(n, q * 2^-40) >= k] in units of 2^-100.
    ///
    /// Tight to about 2^-45 relative where k exceeds the mean; 1 where the terms from k on do not fall.
    pub(super) fn tail(&self, q: u64) -> u128 {
        const ONE: u128 = 1 << TAIL_BITS;
        if self.k == 0 || q >= P_ONE {
            return ONE;
        }
        if q == 0 {
            return 0;
        }
        let Some(sum) = self.relative_sum(q) else { return ONE };
        self.term(q).times(Above::new(sum, -i64::from(TERM_BITS))).units()
    }

    /// Upper bound of P[Bin(n, q * 2^-40) = k] in units of 2^-100, for q strictly between 0 and 1.
    pub(super) fn probability(&self, q: u64) -> u128 {
        self.term(q).units()
    }

    fn term(&self, q: u64) -> Above {
        let probability = |q: u64| Above::new(u128::from(q), -i64::from(P_BITS));
        self.coefficient
            .times(probability(q).power(self.k))
            .times(probability(P_ONE - q).power(self.n - self.k))
    }

    /// Upper bound of the tail over its first term, units of 2^-62. None if the second term is not the
    /// smaller one.
    ///
    /// Terms: `t_(j+1) / t_j = (n-j) q / ((j+1) (1-q))`, a ratio that falls with j, so what follows term j is
    /// below `t_j * r / (1 - r)` with r its ratio.
    fn relative_sum(&self, q: u64) -> Option<u128> {
        let ratio =
            |j: u32| (u128::from(self.n - j) * u128::from(q), u128::from(j + 1) * u128::from(P_ONE - q));
        let (numerator, denominator) = ratio(self.k);
        if numerator >= denominator {
            return None;
        }
        let mut term = 1u128 << TERM_BITS;
        let mut sum = term;
        for j in self.k..self.n {
            let (numerator, denominator) = ratio(j);
            if term < NEGLIGIBLE {
                return Some(sum + (term * numerator).div_ceil(denominator - numerator));
            }
            term = (term * numerator).div_ceil(denominator);
            sum += term;
        }
        Some(sum)
    }
}

/// Terms below 2^-56 of the first are summed as a geometric series.
const NEGLIGIBLE: u128 = 1 << 6;
