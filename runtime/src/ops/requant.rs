//! The one requantisation rule.

use crate::plan::{Rescale, Tensor};

/// `(t * mul + 2^14) >> 15`: a product of two i16 in units of 2^-15, rounded half up.
fn scale(t: i32, mul: i16) -> i32 {
    (t * i32::from(mul) + 0x4000) >> 15
}

/// Brings an accumulator to the output's scale.
///
/// `t = sat_i16(acc >> pre)`, then `(t * mul + 2^14) >> 15`. The accumulator's bias already holds the
/// `2^(pre - 1)` that makes the shift round. With `mul > 0` the result fits i16.
pub fn requant(acc: i32, pre: u8, mul: i16) -> i32 {
    let t = (acc >> pre).clamp(i32::from(i16::MIN), i32::from(i16::MAX));
    scale(t, mul)
}

/// Brings a u8 to another scale, by the same rule without the right shift; the result fits i16.
pub fn rescale(u: u8, rule: Rescale) -> i32 {
    scale((i32::from(u) - i32::from(rule.zero_point)) << rule.shift, rule.mul)
}

/// Moves a sum of rescaled values to the zero point of `output` and clamps it to `lo..=top`.
pub fn finish(sum: i32, output: &Tensor, lo: u8) -> u8 {
    (sum + i32::from(output.zero_point)).max(lo.into()).min(output.top.into()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn requant_is_within_one_of_the_exact_quotient(acc in -1i32 << 29..1 << 29, pre in 1u8..=24, mul in 1i16..=i16::MAX) {
            let got = i64::from(requant(acc + (1 << (pre - 1)), pre, mul));
            let unit = 1i64 << (pre + 15);
            let exact = i64::from(acc) * i64::from(mul);
            let saturated = exact.clamp((-32768 * i64::from(mul)) << pre, (32767 * i64::from(mul)) << pre);
            prop_assert!((got * unit - saturated).abs() <= unit, "{got} {exact} {unit}");
        }

        #[test]
        fn results_fit_i16(acc: i32, pre in 1u8..=24, mul in 1i16..=i16::MAX, u: u8, zero_point: u8, shift in 0u8..=7) {
            prop_assert!(i16::try_from(requant(acc, pre, mul)).is_ok());
            let rule = Rescale { zero_point, shift, mul };
            prop_assert!(i16::try_from(rescale(u, rule)).is_ok());
        }
    }

    #[test]
    fn half_rounds_up_and_the_ends_saturate() {
        assert_eq!(requant(3 << 4, 4, 1 << 14), 2);
        assert_eq!(requant(-3 << 4, 4, 1 << 14), -1);
        assert_eq!(requant(i32::MAX, 1, i16::MAX), 32766);
        assert_eq!(requant(i32::MIN, 1, i16::MAX), -32767);
        assert_eq!(rescale(255, Rescale { zero_point: 0, shift: 7, mul: i16::MAX }), 32639);
    }

    #[test]
    fn results_end_between_the_lower_clamp_and_the_top() {
        let (height, width, channels, stored, border, bytes) = (1, 1, 1, 4, 0, 4);
        let tensor = |zero_point, top| Tensor {
            offset: 0,
            height,
            width,
            channels,
            stored,
            border,
            mirrored: false,
            zero_point,
            top,
            bytes,
        };
        assert_eq!(finish(-400, &tensor(128, 255), 0), 0);
        assert_eq!(finish(-400, &tensor(128, 255), 128), 128);
        assert_eq!(finish(400, &tensor(128, 255), 0), 255);
        assert_eq!([-70, 3, 70].map(|sum| finish(sum, &tensor(60, 127), 5)), [5, 63, 127]);
    }
}
