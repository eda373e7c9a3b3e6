//! Quantisation of noisy pixels.

use crate::format::layout::{INPUT_SHIFT, MAX_NOISY};
use crate::plan::InputRule;

/// `clamp((m * mul + add) >> 16, 0, 255)` for a noisy pixel `m` in 1/255, itself clamped to ±2^13.
pub fn quantise(noisy: i16, rule: InputRule) -> u8 {
    let m = i32::from(noisy).clamp(-MAX_NOISY, MAX_NOISY);
    ((m * rule.mul + rule.add) >> INPUT_SHIFT).clamp(0, 255) as u8
}

/// Quantises a row of noisy pixels into one channel: value `i` goes to `pixels[i * stride]`.
///
/// Stops at the end of the shorter of the two; a stride of zero writes nothing.
pub fn quantise_row(noisy: &[i16], rule: InputRule, pixels: &mut [u8], stride: usize) {
    // Values first, so that they are computed side by side; the strided stores follow.
    const LANES: usize = 16;
    let mut values = [0; LANES];
    if stride == 0 {
        return;
    }
    for (noisy, pixels) in noisy.chunks(LANES).zip(pixels.chunks_mut(LANES * stride)) {
        for (value, &noisy) in values.iter_mut().zip(noisy) {
            *value = quantise(noisy, rule);
        }
        let pixels = pixels.iter_mut().step_by(stride).take(noisy.len());
        for (pixel, value) in pixels.zip(values) {
            *pixel = value;
        }
    }
}
