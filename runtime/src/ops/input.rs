//! Quantisation of noisy pixels.

use crate::format::layout::{INPUT_SHIFT, MAX_NOISY};
use crate::plan::InputRule;

/// `clamp((m * mul + add) >> 16, 0, top)` for a noisy pixel `m` in 1/255, itself clamped to ±2^13.
pub fn quantise(noisy: i16, rule: InputRule, top: u8) -> u8 {
    let m = i32::from(noisy).clamp(-MAX_NOISY, MAX_NOISY);
    ((m * rule.mul + rule.add) >> INPUT_SHIFT).clamp(0, top.into()) as u8
}

/// Quantises a row of noisy pixels into one channel: value `i` goes to `pixels[i * stride]`.
///
/// Stops at the end of the shorter of the two; a stride of zero writes nothing.
pub fn quantise_row(noisy: &[i16], rule: InputRule, top: u8, pixels: &mut [u8], stride: usize) {
    // Values first, so that they are computed side by side; the strided stores follow.
    const LANES: usize = 16;
    let mut values = [0; LANES];
    if stride == 0 {
        return;
    }
    for (noisy, pixels) in noisy.chunks(LANES).zip(pixels.chunks_mut(LANES * stride)) {
        for (value, &noisy) in values.iter_mut().zip(noisy) {
            *value = quantise(noisy, rule, top);
        }
        let pixels = pixels.iter_mut().step_by(stride).take(noisy.len());
        for (pixel, value) in pixels.zip(values) {
            *pixel = value;
        }
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
            let mut pixels = [9; 40 * 3];
            quantise_row(&noisy[..width], rule, 127, &mut pixels, 3);
            for (i, pixel) in pixels.chunks(3).enumerate() {
                let expected = if i < width { quantise(noisy[i], rule, 127) } else { 9 };
                assert_eq!(pixel, [expected, 9, 9], "{i} of {width}");
            }
        }
        let mut short = [9; 5];
        quantise_row(&[100; 8], rule, 255, &mut short, 4);
        let u = quantise(100, rule, 255);
        assert_eq!(short, [u, 9, 9, 9, u]);
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
