//! Scales of activations.

/// Real value of a stored u8: `scale * (u - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Real value of one level.
    pub scale: f64,
    /// The level that stands for zero.
    pub zero_point: u8,
}

impl Scale {
    /// Levels over `lo..=hi`, which holds zero, but no finer than `least`.
    pub fn covering((lo, hi): (f64, f64), least: f64) -> Self {
        let scale = ((hi - lo) / 255.0).max(least).max(f64::MIN_POSITIVE);
        Self { scale, zero_point: (-lo / scale).round().clamp(0.0, 255.0) as u8 }
    }
}
