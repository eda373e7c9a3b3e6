//! Random words: ChaCha8 derives, xoshiro128++ draws.

use chacha20::ChaCha8Rng;
use rand_core::{Rng, SeedableRng, TryCryptoRng};

/// Generators that run side by side; value i of an image is drawn by lane `i % LANES`.
pub const LANES: usize = 16;

const LANE_SEED_BYTES: usize = 16;

/// Key of all noise of one certificate: 32 bytes the attacker must not know before the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// A fresh seed from an entropy source, or the source's error.
    pub fn from_entropy<R: TryCryptoRng + ?Sized>(source: &mut R) -> Result<Self, R::Error> {
        let mut bytes = [0; 32];
        source.try_fill_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }
}

/// What samples are drawn for; samples of different purposes are independent.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Purpose {
    /// Votes that choose the class of a two-stage certificate.
    Select = 1,
    /// Votes that are counted for a certificate.
    Estimate = 2,
    /// Votes without a certificate.
    Vote = 3,
}

/// Stream number of ChaCha8 for a part of a sample's randomness: no two parts, purposes or samples share one.
///
/// Parts: 0 the seeds of the lanes, 1 the words of [`Cipher`](super::Cipher), 2 the words that refine them; 3 and 4 are 0 and 1
/// of a second step of noise.
pub(super) fn stream(part: u8, purpose: Purpose, sample: u32) -> u64 {
    u64::from(part) << 40 | u64::from(purpose as u8) << 32 | u64::from(sample)
}

/// The random words of one sample: 16 xoshiro128++ generators (Blackman and Vigna, *Scrambled linear
/// pseudorandom number generators*, 2021) side by side, the same words as rand_xoshiro's `Xoshiro128PlusPlus`
/// gives lane by lane.
#[derive(Clone, Debug)]
#[cfg_attr(target_arch = "x86_64", repr(align(64)))]
pub struct Streams {
    /// State word by state word, so that one operation serves all lanes.
    state: [[u32; LANES]; 4],
}

/// What an all-zero seed becomes (as in rand_xoshiro): xoshiro never leaves the zero state.
const ZERO_SEED_STATE: [u32; 4] = [0x7b1d_cdaf, 0xe220_a839, 0xa1b9_65f4, 0x6e78_9e6a];

impl Streams {
    /// The streams of a sample: ChaCha8 with the seed as key and stream number `purpose << 32 | sample` gives the
    /// seeds of the lanes.
    pub fn new(seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        Self::of_part(0, seed, purpose, sample)
    }

    /// The streams whose seeds are another part of the sample's randomness.
    pub(super) fn of_part(part: u8, seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        let mut chacha = ChaCha8Rng::from_seed(seed.0);
        chacha.set_stream(stream(part, purpose, sample));
        let mut seeds = [0; LANES * LANE_SEED_BYTES];
        chacha.fill_bytes(&mut seeds);
        Self::from_lane_seeds(&seeds)
    }

    /// Lane l starts from bytes `16 l..16 l + 16`: four state words, little endian.
    pub fn from_lane_seeds(seeds: &[u8; LANES * LANE_SEED_BYTES]) -> Self {
        let mut state = [[0; LANES]; 4];
        let (seeds, _) = seeds.as_chunks::<LANE_SEED_BYTES>();
        for (lane, seed) in seeds.iter().enumerate() {
            let (words, _) = seed.as_chunks();
            let zero = seed.iter().all(|&byte| byte == 0);
            for (word, row) in state.iter_mut().enumerate() {
                row[lane] = if zero { ZERO_SEED_STATE[word] } else { u32::from_le_bytes(words[word]) };
            }
        }
        Self { state }
    }

    /// The next word of every lane.
    #[inline(always)]
    pub fn words(&mut self) -> [u32; LANES] {
        let mut words = [0; LANES];
        let [a, b, c, d] = &mut self.state;
        // A plain loop over arrays is what compilers turn into vector code.
        for (lane, word) in words.iter_mut().enumerate() {
            *word = step([&mut a[lane], &mut b[lane], &mut c[lane], &mut d[lane]]);
        }
        words
    }

    /// The next word of one lane, below [`LANES`].
    pub fn word(&mut self, lane: usize) -> u32 {
        step(self.state.each_mut().map(|row| &mut row[lane]))
    }
}

/// One step of xoshiro128++.
#[inline(always)]
fn step([a, b, c, d]: [&mut u32; 4]) -> u32 {
    let result = a.wrapping_add(*d).rotate_left(7).wrapping_add(*a);
    let shifted = *b << 9;
    *c ^= *a;
    *d ^= *b;
    *b ^= *c;
    *a ^= *d;
    *c ^= shifted;
    *d = d.rotate_left(11);
    result
}
