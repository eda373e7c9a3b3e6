//! The attacker's coins: not those of the noise.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// A stream of random numbers; the same key and stream give the same numbers.
#[derive(Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// Stream `stream` of a key.
    #[must_use]
    pub fn new(key: [u8; 32], stream: u64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// 32 random bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Uniform in 0..`below`, which is positive.
    pub fn below(&mut self, below: usize) -> usize {
        (self.0.next_u64() % below.max(1) as u64) as usize
    }

    /// Uniform in (0, 1).
    pub fn unit(&mut self) -> f64 {
        ((self.0.next_u64() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    /// 1 or -1.
    pub fn sign(&mut self) -> f64 {
        if self.0.next_u32() & 1 == 0 { 1.0 } else { -1.0 }
    }

    /// Standard normal (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// A normal field `[channels][height][width]` of unit length, constant over square cells of a random size: what
    /// networks trained with noise see is mostly of low frequency.
    pub fn field(&mut self, [channels, height, width]: [usize; 3]) -> Vec<f64> {
        let sizes = 1 + height.min(width).max(1).ilog2() as usize;
        let cell = 1 << self.below(sizes);
        let (rows, columns) = (height.div_ceil(cell), width.div_ceil(cell));
        let grey = self.below(3) == 0;
        let values: Vec<f64> = (0..channels * rows * columns).map(|_| self.normal()).collect();
        let value = |i: usize| {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            values[(if grey { 0 } else { c } * rows + y / cell) * columns + x / cell]
        };
        unit((0..channels * height * width).map(value).collect())
    }
}

/// The vector of length 1 in the same direction; zero stays zero.
pub fn unit(mut vector: Vec<f64>) -> Vec<f64> {
    let norm = vector.iter().map(|v| v * v).sum::<f64>().sqrt();
    if norm > 0.0 {
        vector.iter_mut().for_each(|v| *v /= norm);
    }
    vector
}
