//! Real factors as the integers of the requantisation rule.
//!
//! `t = acc >> pre`, `r = (t * mul + 2^14) >> 15` multiplies by `mul / 2^(15 + pre)`. A large `mul` is close to the real
//! factor but leaves `t` no finer than the result, so that rounding happens twice; a small `mul` keeps `t` fine but is
//! itself coarse. [`Requant::choose`] takes the split whose two errors add up to least.

use ringfence_runtime::format::layout::{MAX_PRE, MAX_SHIFT};

/// Shift and multiplier of one output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requant {
    /// Right shift, 1..=24.
    pub pre: u8,
    /// Multiplier, 1..=32767.
    pub mul: i16,
}

impl Requant {
    /// The best split of `factor` for results whose magnitude is about `typical` and must not saturate below `reach`.
    /// None if the factor is too large (0.5 or more) or too small for the rule.
    pub fn choose(factor: f64, typical: f64, reach: f64) -> Option<Self> {
        let mut best: Option<(f64, Self)> = None;
        for pre in 1..=MAX_PRE {
            let unit = 2f64.powi(-15 - i32::from(pre));
            let mul = (factor / unit).round();
            if !(1.0..=f64::from(i16::MAX)).contains(&mul) || mul < reach {
                continue;
            }
            let multiplier_error = (mul * unit - factor) / factor * typical;
            let shift_error = mul / 32768.0;
            let error = multiplier_error.powi(2) + shift_error.powi(2) / 12.0;
            if best.is_none_or(|(least, _)| error < least) {
                best = Some((error, Self { pre, mul: mul as i16 }));
            }
        }
        best.map(|(_, requant)| requant)
    }

    /// The rounding that belongs into the accumulator's bias.
    pub fn rounding(self) -> i32 {
        1 << (self.pre - 1)
    }

    /// The factor that the rule applies.
    pub fn factor(self) -> f64 {
        f64::from(self.mul) * 2f64.powi(-15 - i32::from(self.pre))
    }
}

/// Left shift and multiplier of an added operand: `((u - zero_point) << shift) * mul / 2^15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// Left shift, 0..=7.
    pub shift: u8,
    /// Multiplier, 0..=32767.
    pub mul: i16,
}

impl Rescale {
    /// The closest rule for a factor below 128; the least shift gives the finest multiplier.
    pub fn choose(factor: f64) -> Option<Self> {
        (0..=MAX_SHIFT).find_map(|shift| {
            let mul = (factor * 2f64.powi(15 - i32::from(shift))).round();
            (mul <= f64::from(i16::MAX)).then_some(Self { shift, mul: mul as i16 })
        })
    }
}
