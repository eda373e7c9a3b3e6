//! The random stream of one rendered image.
//!
//! Only integer draws, additions, multiplications and divisions: the same image comes out on every machine.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// `ChaCha8` keyed by a split's seed, with the image index as stream number.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    pub fn new(key: [u8; 32], index: u64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(index);
        Self(rng)
    }

    /// An integer in `0..bound`; the bias of a 32-bit multiply is below 2^-24 for the small bounds in use here.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.0.next_u32()) * bound as u64) >> 32) as usize
    }

    /// A value in `[0, 1)` on a grid of 2^-24.
    pub fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// A value in `[low, high)`.
    pub fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A value in `[-extent, extent)`.
    pub fn around(&mut self, extent: f32) -> f32 {
        self.range(-extent, extent)
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f32) -> bool {
        self.unit() < probability
    }

    /// Nearly normal with mean 0 and standard deviation 1: the sum of the four bytes of one draw.
    pub fn bell(&mut self) -> f32 {
        let sum: u32 = self.0.next_u32().to_le_bytes().iter().map(|&byte| u32::from(byte)).sum();
        // Four independent bytes have mean 510 and variance 4 * (256^2 - 1) / 12.
        (sum as f32 - 510.0) / 147.8
    }
}
