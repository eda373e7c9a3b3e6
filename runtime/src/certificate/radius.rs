//! Radii in fixed point.

use core::fmt;

/// A radius in units of 2^-20 pixel, full scale = 1. Every x' with ||x' - x|| below it is covered; the norm is that of the
/// certificate or table it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Radius(pub u32);

impl Radius {
    /// Units in one pixel of full scale.
    pub const ONE: u32 = 1 << 20;

    /// The radius in units of 2^-20 pixel.
    pub fn units(self) -> u32 {
        self.0
    }

    /// The radius in pixels, rounded down to an f32: exact below 16. For display; no decision depends on it.
    pub fn as_f32(self) -> f32 {
        // An f32 holds 24 bits; the bits below would be rounded, perhaps up.
        let excess = 8u32.saturating_sub(self.0.leading_zeros());
        ((self.0 >> excess) << excess) as f32 / Self::ONE as f32
    }

    /// The radius in 1/255, the step of an 8-bit pixel, rounded down.
    pub fn in_255ths_floor(self) -> u32 {
        ((u64::from(self.0) * 255) >> 20) as u32
    }
}

impl fmt::Display for Radius {
    /// Pixels with six decimals, rounded down.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millionths = (u64::from(self.0) * 1_000_000) >> 20;
        write!(f, "{}.{:06}", millionths / 1_000_000, millionths % 1_000_000)
    }
}
