//! The mix of two noisy images that has the least variance.

use crate::format::layout::{MAX_NOISY, QUANTILE_FRACTION};
use crate::noise::{LANES, Lanes, high};

/// Fraction bits of the weights.
const FRACTION: u32 = 31;
/// Steps of the second step's grid in a step of a pixel.
const FINE: u32 = 255;
/// Values of a mask.
const MASKS: usize = 256;

/// The weight of the second image in a pixel's mixture, units of 2^-31: of a mask w, with deviations of both steps on
/// the grid of the second, 1 to 2^18, `b = w s1^2 / (255^2 s2^2 + w^2 s1^2)`, rounded down.
///
/// `w b` is less than 1, and `b s2` at most `s1 / 510`, whatever w and s2.
fn weight(w: u8, first: u32, second: u32) -> i32 {
    let square = |s: u32| u64::from(s) * u64::from(s);
    let w = u64::from(w);
    let gain = w * square(first);
    // Below 2^54, and not zero: no deviation is.
    let sum = square(FINE) * square(second) + w * gain;
    (u128::from(gain) << FRACTION).checked_div(sum.into()).unwrap_or(0) as i32
}

/// The weights of all masks for one sample.
#[derive(Clone, Debug)]
pub struct Mixture {
    /// [`weight`] of each mask, little endian.
    weights: [[u8; 4]; MASKS],
    /// Deviation of the second step.
    deviation: u32,
}

/// One value of every lane of what is mixed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    /// Masks.
    pub masks: [u8; LANES],
    /// First noisy image.
    pub noisy: [i16; LANES],
    /// The image.
    pub clean: [u8; LANES],
    /// Normal deviates of the second step, units of 2^-58.
    pub deviates: [i64; LANES],
}

impl Mixture {
    /// For deviations `first` and `second` of the steps, 1 to 2^18, on the grid of the second.
    pub fn new(first: u32, second: u32) -> Self {
        let weights = core::array::from_fn(|w| weight(w as u8, first, second).to_le_bytes());
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
        let weight = i32::from_le_bytes(self.weights[usize::from(w)]);
        let noise = high(z, self.scale(weight));
        mixed(weight, w, m1, x, noise)
    }

    /// The [mixture](Self::mix) of every lane's pixel.
    #[inline(always)]
    pub(crate) fn mix_lanes<L: Lanes>(&self, parts: &Parts) -> [i16; LANES] {
        let weights = L::entries(&self.weights, &parts.masks.map(u32::from)).map(u32::cast_signed);
        let noise = L::high(&parts.deviates, &weights.map(|weight| self.scale(weight)));
        let mut results = [0; LANES];
        for (i, result) in results.iter_mut().enumerate() {
            *result = mixed(weights[i], parts.masks[i], parts.noisy[i], parts.clean[i], noise[i]);
        }
        results
    }

    /// What a normal deviate is multiplied by, so that the leading half of the product has [`FRACTION`] bits: at most
    /// `2^37 s1 / 510`, with s1 up to 2^18.
    #[inline(always)]
    fn scale(&self, weight: i32) -> u64 {
        (u64::from(weight.cast_unsigned()) * u64::from(self.deviation)) << (64 - QUANTILE_FRACTION)
    }
}

/// See [`Mixture::mix`], with the second step's noise in units of 2^-31.
///
/// The first image has the weight `a = 1 - w b`, so that the mixture has the mean of the image: `a m1 + b w x` is
/// `m1 + b w (x - m1)`.
#[inline(always)]
fn mixed(weight: i32, w: u8, m1: i16, x: u8, noise: i64) -> i16 {
    let change = i32::from(w) * (i32::from(x) - i32::from(m1));
    let known = (i64::from(m1) << FRACTION) + i64::from(weight) * i64::from(change);
    let sum = known + noise + (1 << (FRACTION - 1));
    (sum >> FRACTION).clamp(-i64::from(MAX_NOISY), i64::from(MAX_NOISY)) as i16
}
