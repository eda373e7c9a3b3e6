//! Quantisation of noisy pixels.

use crate::format::layout::{INPUT_SHIFT, MAX_NOISY};
use crate::plan::InputRule;

/// `clamp((m * mul + add) >> 16, 0, 255)` for a noisy pixel `m` in 1/255, itself clamped to ±2^13.
pub fn quantise(noisy: i16, rule: InputRule) -> u8 {
    let m = i32::from(noisy).clamp(-MAX_NOISY, MAX_NOISY);
    ((m * rule.mul + rule.add) >> INPUT_SHIFT).clamp(0, 255) as u8
}
