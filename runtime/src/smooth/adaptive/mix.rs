//! The mix of two noisy images that has the least variance.

use crate::format::layout::{MAX_NOISY, QUANTILE_FRACTION};
use crate::noise::{LANES, Lanes, high};

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
    /// [`Mix::first`] of each mask, little endian.
    first: [[u8; 4]; MASKS],
    /// [`Mix::second`] of each mask, little endian.
    second: [[u8; 4]; MASKS],
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
    /// For deviations `first` and `second` of the steps, on the grid of the second.
    pub fn new(first: u32, second: u32) -> Self {
        let (mut firsts, mut seconds) = ([[0; 4]; MASKS], [[0; 4]; MASKS]);
        for (w, (a, b)) in firsts.iter_mut().zip(&mut seconds).enumerate() {
            let mix = Mix::new(w as u8, first, second);
            (*a, *b) = (mix.first.to_le_bytes(), mix.second.to_le_bytes());
        }
        Self { first: firsts, second: seconds, deviation: second }
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
        let [first, second] =
            [&self.first, &self.second].map(|weights| u32::from_le_bytes(weights[usize::from(w)]));
        let noise = high(z, self.scale(second));
        mixed(Mix { first, second }, w, m1, x, noise)
    }

    /// The [mixture](Self::mix) of every lane's pixel.
    #[inline(always)]
    pub(crate) fn mix_lanes<L: Lanes>(&self, parts: &Parts) -> [i16; LANES] {
        let masks = parts.masks.map(u32::from);
        let (firsts, seconds) = (L::entries(&self.first, &masks), L::entries(&self.second, &masks));
        let noise = L::high(&parts.deviates, &seconds.map(|second| self.scale(second)));
        let mut results = [0; LANES];
        for (i, result) in results.iter_mut().enumerate() {
            let mix = Mix { first: firsts[i], second: seconds[i] };
            *result = mixed(mix, parts.masks[i], parts.noisy[i], parts.clean[i], noise[i]);
        }
        results
    }

    /// What a normal deviate is multiplied by, so that the leading half of the product has [`FRACTION`] bits: at most
    /// `2^37 s1 / 510`, with s1 up to 2^18.
    #[inline(always)]
    fn scale(&self, second: u32) -> u64 {
        (u64::from(second) * u64::from(self.deviation)) << (64 - QUANTILE_FRACTION)
    }
}

/// See [`Mixture::mix`], with the second step's noise in units of 2^-31.
#[inline(always)]
fn mixed(Mix { first, second }: Mix, w: u8, m1: i16, x: u8, noise: i64) -> i16 {
    let (first, second) = (i64::from(first), i64::from(second));
    let known = first * i64::from(m1) + second * (i64::from(w) * i64::from(x));
    let sum = known + noise + (1 << (FRACTION - 1));
    (sum >> FRACTION).clamp(-i64::from(MAX_NOISY), i64::from(MAX_NOISY)) as i16
}
