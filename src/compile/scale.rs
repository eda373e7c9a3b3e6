//! Scales of activations.

use crate::onnx::Levels;

/// Real value of a stored u8: `scale * (u - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Real value of one level.
    pub scale: f64,
    /// The level that stands for zero.
    pub zero_point: u8,
    /// The largest level, 127 or 255.
    pub top: u8,
}

impl Scale {
    /// Levels 0..=`top` over `lo..=hi`, which holds zero, but no finer than `least`.
    pub fn covering((lo, hi): (f64, f64), top: u8, least: f64) -> Self {
        let scale = ((hi - lo) / f64::from(top)).max(least).max(f64::MIN_POSITIVE);
        Self { scale, zero_point: (-lo / scale).round().clamp(0.0, f64::from(top)) as u8, top }
    }

    /// The scale that a file gives: all eight bits.
    pub fn given(levels: Levels) -> Self {
        Self { scale: f64::from(levels.scale), zero_point: levels.zero_point, top: u8::MAX }
    }

    /// The real values of the least and the largest level.
    pub fn range(&self) -> (f64, f64) {
        let real = |level: u8| self.scale * (f64::from(level) - f64::from(self.zero_point));
        (real(0), real(self.top))
    }
}
