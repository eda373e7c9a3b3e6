//! Quantisation of noisy pixels.

use crate::format::layout::{CHANNEL_GROUP, INPUT_SHIFT, MAX_NOISY};
use crate::plan::InputRule;

/// `clamp((m * mul + add) >> 16, 0, top)` for a noisy pixel `m` in 1/255, itself clamped to ±2^13.
#[inline(always)]
pub fn quantise(noisy: i16, rule: InputRule, top: u8) -> u8 {
    let m = i32::from(noisy).clamp(-MAX_NOISY, MAX_NOISY);
    ((m * rule.mul + rule.add) >> INPUT_SHIFT).clamp(0, top.into()) as u8
}

/// Quantises a row of noisy pixels into one channel: value `i` goes to `pixels[i * stride + channel]`.
///
/// Stops at the end of the shorter of the two; a channel beyond the stride writes nothing.
#[inline(always)]
pub fn quantise_row(
    noisy: &[i16],
    rule: InputRule,
    top: u8,
    pixels: &mut [u8],
    stride: usize,
    channel: usize,
) {
    if channel >= stride {
        return;
    }
    if stride == CHANNEL_GROUP {
        // A pixel is one word: words are made side by side.
        let shift = 8 * channel as u32;
        let (pixels, _) = pixels.as_chunks_mut::<CHANNEL_GROUP>();
        for (pixel, &noisy) in pixels.iter_mut().zip(noisy) {
            let others = u32::from_le_bytes(*pixel) & !(0xFF << shift);
            *pixel = (others | u32::from(quantise(noisy, rule, top)) << shift).to_le_bytes();
        }
    } else {
        let pixels = pixels.get_mut(channel..).unwrap_or_default();
        for (pixel, &noisy) in pixels.iter_mut().step_by(stride).zip(noisy) {
            *pixel = quantise(noisy, rule, top);
        }
    }
}

/// Quantises neighbouring pixels with their noise into one channel of pixels of [`CHANNEL_GROUP`] bytes: the same as
/// adding and [`quantise_row`], all in registers.
#[inline(always)]
pub(crate) fn quantise_block<const N: usize>(
    noise: &[i16; N],
    clean: &[u8; N],
    rule: InputRule,
    top: u8,
    pixels: &mut [[u8; CHANNEL_GROUP]; N],
    shift: u32,
) {
    for ((pixel, &noise), &clean) in pixels.iter_mut().zip(noise).zip(clean) {
        let u = quantise(noise.saturating_add(clean.into()), rule, top);
        let others = u32::from_le_bytes(*pixel) & !(0xFF << shift);
        *pixel = (others | u32::from(u) << shift).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_equal_single_pixels_and_leave_the_rest() {
        let rule = InputRule { mul: 70_000, add: -(3 << 16) };
        for width in [1, 15, 16, 17, 40] {
            let noisy: [i16; 40] = core::array::from_fn(|i| (i as i16 - 20) * 21);
            for stride in [3, 4, 5] {
                for channel in 0..stride + 2 {
                    let mut pixels = [9; 40 * 5];
                    quantise_row(&noisy[..width], rule, 127, &mut pixels[..40 * stride], stride, channel);
                    for (i, &u) in pixels.iter().enumerate() {
                        let hit = i % stride == channel && i / stride < width;
                        let expected = if hit { quantise(noisy[i / stride], rule, 127) } else { 9 };
                        assert_eq!(u, expected, "{i} of {width}, channel {channel} of {stride}");
                    }
                }
            }
        }
        let mut short = [9; 11];
        quantise_row(&[100; 8], rule, 255, &mut short, 4, 1);
        let u = quantise(100, rule, 255);
        assert_eq!(short, [9, u, 9, 9, 9, u, 9, 9, 9, 9, 9]);
    }

    #[test]
    fn limits_of_the_rule_do_not_overflow() {
        for mul in [1, 1 << 17] {
            for add in [-(1 << 29), 1 << 29] {
                for noisy in [i16::MIN, -8192, 8192, i16::MAX] {
                    let m = i64::from(noisy).clamp(-8192, 8192);
                    for top in [127, 255] {
                        let expected = ((m * i64::from(mul) + i64::from(add)) >> 16).clamp(0, top.into());
                        assert_eq!(i64::from(quantise(noisy, InputRule { mul, add }, top)), expected);
                    }
                }
            }
        }
    }
}
