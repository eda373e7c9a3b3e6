//! The mix of two noisy images that has the least variance.

use crate::format::layout::{MAX_NOISY, QUANTILE_FRACTION};

/// Fraction bits of the weights.
const FRACTION: u32 = 31;
/// Steps of the second step's grid in a step of a pixel.
const FINE: u32 = 255;
/// Values of a mask.
const MASKS: usize = 256;

/// The weights of one pixel's mixture: `a m1 + b m2`, with m1 in steps of a pixel and m2 in steps of its 255th.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Of the first image, units of 2^-31: `2^31 - w b`, so that the mixture has the mean of the image.
    pub first: u32,
    /// Of the second image, units of 2^-31.
    pub second: u32,
}

impl Mix {
    /// The weights for a mask w, with deviations of both steps on the grid of the second, up to 2^18:
    /// `b = w s1^2 / (255^2 s2^2 + w^2 s1^2)`, rounded down.
    ///
    /// `b s2` is then at most `s1 / 510`, whatever w and s2.
    pub fn new(w: u8, first: u32, second: u32) -> Self {
        let square = |s: u32| u64::from(s) * u64::from(s);
        let w = u64::from(w);
        let gain = w * square(first);
        // Below 2^54, and not zero: no deviation is.
        let sum = square(FINE) * square(second) + w * gain;
        let b = (u128::from(gain) << FRACTION).checked_div(sum.into()).unwrap_or(0) as u64;
        Self { first: ((1 << FRACTION) - w * b) as u32, second: b as u32 }
    }
}

/// The weights of all masks for one sample.
#[derive(Clone, Debug)]
pub struct Mixture {
    weights: [Mix; MASKS],
    /// Deviation of the second step.
    deviation: u32,
}

impl Mixture {
    /// For deviations `first` and `second` of the steps, on the grid of the second.
    pub fn new(first: u32, second: u32) -> Self {
        let weights = core::array::from_fn(|w| Mix::new(w as u8, first, second));
        Self { weights, deviation: second }
    }

    /// Deviation of the second step, on its grid.
    pub fn deviation(&self) -> u32 {
        self.deviation
    }

    /// The mixture of a pixel in steps of 1/255, rounded to the nearest, within ±2^13: of mask w, first image m1,
    /// clean pixel x and normal deviate z (units of 2^-58), with m2 = w x + deviation z.
    ///
    /// It is the floor of a real number that rises with m2; no rounding happens before.
    pub fn mix(&self, w: u8, m1: i16, x: u8, z: i64) -> i16 {
        let Mix { first, second } = self.weights[usize::from(w)];
        let (first, second) = (i64::from(first), i64::from(second));
        let noise = (i128::from(second * i64::from(self.deviation)) * i128::from(z)) >> QUANTILE_FRACTION;
        let known = first * i64::from(m1) + second * i64::from(w) * i64::from(x);
        let sum = known + noise as i64 + (1 << (FRACTION - 1));
        (sum >> FRACTION).clamp(-i64::from(MAX_NOISY), i64::from(MAX_NOISY)) as i16
    }
}
