//! Noise words that are the key stream of a cipher.

use super::streams::{LANES, Purpose, Seed, stream};
use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The words of one sample from ChaCha8, keyed by the seed: the `j`-th words of the lanes are block j of one
/// stream, and the words that refine them on a tie are block j of another, each in its lane's place. A block of
/// the cipher has 16 words, one a lane.
#[derive(Debug)]
pub struct Cipher {
    words: ChaCha8Rng,
    /// Stream number of the refining words.
    refining: u64,
}

impl Cipher {
    /// The words of a sample.
    pub fn new(seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        Self::of_part(1, seed, purpose, sample)
    }

    /// The words of another part of the sample's randomness; nothing refines them.
    pub(super) fn of_part(part: u8, seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        let mut words = ChaCha8Rng::from_seed(seed.0);
        words.set_stream(stream(part, purpose, sample));
        Self { words, refining: stream(2, purpose, sample) }
    }

    /// The next word of every lane.
    #[inline(always)]
    pub fn words(&mut self) -> [u32; LANES] {
        let mut words = [0; LANES];
        words.iter_mut().for_each(|word| *word = self.words.next_u32());
        words
    }

    /// The word that refines the last word of a lane, below [`LANES`]; none was drawn before the first.
    #[cold]
    pub fn refinement(&self, lane: usize) -> u32 {
        let next = self.words.get_word_pos();
        let mut words = ChaCha8Rng::from_seed(self.words.get_seed());
        words.set_stream(self.refining);
        words.set_word_pos(next.saturating_sub(LANES as u128) + lane as u128);
        words.next_u32()
    }
}
