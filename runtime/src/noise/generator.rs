//! What the noise is drawn from.

use super::cipher::Cipher;
use super::streams::{LANES, Purpose, Seed, Streams};

/// The generator of the noise. It is part of a certificate: the votes depend on it.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Generator {
    /// ChaCha8 seeds 16 xoshiro128++ lanes for each sample: fast, indistinguishable from fair coins by statistics.
    #[default]
    Xoshiro,
    /// ChaCha8 itself: indistinguishable from fair coins by anyone who does not know the seed, also if some of
    /// the noise becomes known.
    ChaCha,
}

/// The random words of one sample.
#[derive(Debug)]
pub(super) enum Words {
    Xoshiro(Streams),
    ChaCha(Cipher),
}

impl Words {
    pub fn new(generator: Generator, seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        match generator {
            Generator::Xoshiro => Self::Xoshiro(Streams::new(seed, purpose, sample)),
            Generator::ChaCha => Self::ChaCha(Cipher::new(seed, purpose, sample)),
        }
    }

    /// The next word of every lane.
    #[inline(always)]
    pub fn next(&mut self) -> [u32; LANES] {
        match self {
            Self::Xoshiro(streams) => streams.words(),
            Self::ChaCha(cipher) => cipher.words(),
        }
    }

    /// The 32 bits that follow the last word of a lane, drawn on a tie.
    pub fn refine(&mut self, lane: usize) -> u32 {
        match self {
            Self::Xoshiro(streams) => streams.word(lane),
            Self::ChaCha(cipher) => cipher.refinement(lane),
        }
    }
}
