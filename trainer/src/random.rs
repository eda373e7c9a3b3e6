//! Counter-based random streams: each purpose, epoch and sample has its own, so that nothing
//! depends on batch size, thread count or where a run was interrupted.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// What a stream is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Initial weights.
    Weights,
    /// Order of the training images in an epoch.
    Order {
        /// The epoch, from 0.
        epoch: u32,
    },
    /// Crop, flip and noise of a training image in an epoch.
    Sample {
        /// The epoch, from 0, below 2^30.
        epoch: u32,
        /// The image.
        index: u32,
    },
    /// Noise of an evaluated image.
    Evaluation {
        /// The image.
        index: u32,
    },
    /// Noise of one of several noisy copies of a training image.
    Copy {
        /// The epoch, from 0.
        epoch: u32,
        /// The image.
        index: u32,
        /// The copy, from 0.
        copy: u32,
    },
    /// Random start of an attack.
    Start {
        /// The epoch, from 0; 0 outside training.
        epoch: u32,
        /// The image.
        index: u32,
        /// The restart, from 0.
        restart: u32,
    },
    /// Values of a noise layer.
    Layer {
        /// The forward pass.
        draw: u64,
        /// The layer, from 0.
        layer: u32,
    },
}

impl Stream {
    /// Two distinct numbers for every stream: the second half of the key, and the stream of the cipher (for the
    /// first four two bits of kind, 30 of epoch, 32 of index).
    fn id(self) -> [u64; 2] {
        let place =
            |kind: u64, epoch: u32, index: u32| kind << 62 | u64::from(epoch) << 32 | u64::from(index);
        let family = |kind: u64, part: u32| kind << 32 | u64::from(part);
        match self {
            Self::Weights => [0, place(0, 0, 0)],
            Self::Order { epoch } => [0, place(1, epoch, 0)],
            Self::Sample { epoch, index } => [0, place(2, epoch, index)],
            Self::Evaluation { index } => [0, place(3, 0, index)],
            Self::Copy { epoch, index, copy } => [family(1, copy), place(0, epoch, index)],
            Self::Start { epoch, index, restart } => [family(2, restart), place(0, epoch, index)],
            Self::Layer { draw, layer } => [family(3, layer), draw],
        }
    }
}

/// The stream of `seed`: ChaCha8 keyed by the seed picks the state of a fast generator.
#[must_use]
pub fn stream(seed: u64, of: Stream) -> Xoshiro256PlusPlus {
    let mut key = [0; 32];
    let [purpose, id] = of.id();
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.to_le_bytes());
    let mut chacha = ChaCha8Rng::from_seed(key);
    chacha.set_stream(id);
    let mut state = [0; 32];
    chacha.fill_bytes(&mut state);
    Xoshiro256PlusPlus::from_seed(state)
}

/// A whole number below `bound`, which is at least 1 (Lemire's multiplication, with rejection).
pub fn below(rng: &mut impl Rng, bound: u32) -> u32 {
    loop {
        let product = u64::from(rng.next_u32()) * u64::from(bound);
        if product as u32 >= bound.wrapping_neg() % bound {
            return (product >> 32) as u32;
        }
    }
}

/// Standard normal numbers (Box-Muller, both of each pair used).
#[derive(Debug, Clone)]
pub struct Normals {
    source: Xoshiro256PlusPlus,
    spare: Option<f32>,
}

impl Normals {
    /// Draws from `source`.
    #[must_use]
    pub fn new(source: Xoshiro256PlusPlus) -> Self {
        Self { source, spare: None }
    }

    /// The generator itself.
    pub fn source(&mut self) -> &mut Xoshiro256PlusPlus {
        &mut self.source
    }

    /// The next number.
    pub fn draw(&mut self) -> f32 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        let bits = self.source.next_u64();
        // (0, 1]: the logarithm is finite; 2^-32 puts the tail at 6.6 deviations.
        let u = ((bits >> 32) as f64 + 1.0) / 4_294_967_296.0;
        let angle = (bits as u32) as f32 * (core::f32::consts::TAU / 4_294_967_296.0);
        let radius = (-2.0_f32 * (u as f32).ln()).sqrt();
        let (sin, cos) = angle.sin_cos();
        self.spare = Some(radius * sin);
        radius * cos
    }
}
