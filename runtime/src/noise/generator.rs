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

/// Where the words of one sample come from.
pub(super) trait LaneWords {
    /// The next word of every lane.
    fn next(&mut self) -> [u32; LANES];

    /// The 32 bits that follow the last word of each lane with a tie; no lane without a tie draws any.
    fn refine(&mut self, ties: [bool; LANES]) -> [u32; LANES];
}

impl LaneWords for Streams {
    #[inline(always)]
    fn next(&mut self) -> [u32; LANES] {
        self.words()
    }

    #[inline(always)]
    fn refine(&mut self, ties: [bool; LANES]) -> [u32; LANES] {
        #[cold]
        fn refined(mut streams: Streams, ties: [bool; LANES]) -> (Streams, [u32; LANES]) {
            let words = core::array::from_fn(|lane| if ties[lane] { streams.word(lane) } else { 0 });
            (streams, words)
        }
        // By value: a state of which no address is taken can stay in registers.
        let (streams, words) = refined(self.clone(), ties);
        *self = streams;
        words
    }
}

impl LaneWords for Cipher {
    #[inline(always)]
    fn next(&mut self) -> [u32; LANES] {
        self.words()
    }

    #[cold]
    fn refine(&mut self, ties: [bool; LANES]) -> [u32; LANES] {
        core::array::from_fn(|lane| if ties[lane] { self.refinement(lane) } else { 0 })
    }
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

    /// The words of the second step of noise; they refine nothing.
    pub fn of_second_step(generator: Generator, seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        match generator {
            Generator::Xoshiro => Self::Xoshiro(Streams::of_part(3, seed, purpose, sample)),
            Generator::ChaCha => Self::ChaCha(Cipher::of_part(4, seed, purpose, sample)),
        }
    }
}

impl LaneWords for Words {
    fn next(&mut self) -> [u32; LANES] {
        match self {
            Self::Xoshiro(streams) => streams.words(),
            Self::ChaCha(cipher) => cipher.words(),
        }
    }

    #[cold]
    fn refine(&mut self, ties: [bool; LANES]) -> [u32; LANES] {
        match self {
            Self::Xoshiro(streams) => streams.refine(ties),
            Self::ChaCha(cipher) => cipher.refine(ties),
        }
    }
}
