//! Normal deviates of any scale: the normal quantile of uniform words.
//!
//! Half of the words' sign bits choose a side, the other 63 bits are a tail probability p: the deviate is
//! PhiInv(1 - p/2). The range of p is cut into octaves and each of these into eight segments, in which a polynomial of
//! degree 7 takes the quantile's place, wrong by less than 2^-42 (docs/soundness.md, section 9).

use super::generator::{Generator, LaneWords, Words};
use super::lanes::{Lanes, OneByOne, high};
use super::streams::{LANES, Purpose, Seed};
use crate::format::Quantiles;
use crate::format::layout::{QUANTILE_BITS, QUANTILE_OCTAVES};

/// The normal deviates of one sample's second step, one after the other.
#[derive(Debug)]
pub struct Normal<'a> {
    quantiles: Quantiles<'a>,
    words: Words,
    block: [i64; LANES],
    /// Values of the block that are used up.
    used: usize,
}

impl<'a> Normal<'a> {
    /// The deviates of a sample.
    pub fn new(
        quantiles: Quantiles<'a>,
        generator: Generator,
        seed: &Seed,
        purpose: Purpose,
        sample: u32,
    ) -> Self {
        let words = Words::of_second_step(generator, seed, purpose, sample);
        Self { quantiles, words, block: [0; LANES], used: LANES }
    }

    /// The next values, in units of 2^-58, within ±2^62. How they are cut into calls does not matter.
    pub fn fill(&mut self, values: &mut [i64]) {
        self.fill_with::<OneByOne>(values);
    }

    /// [`fill`](Self::fill) with the operations of a backend.
    #[inline(always)]
    pub(crate) fn fill_with<L: Lanes>(&mut self, values: &mut [i64]) {
        let (head, rest) = values.split_at_mut(values.len().min(LANES - self.used));
        head.iter_mut().zip(self.block.iter().skip(self.used)).for_each(|(value, drawn)| *value = *drawn);
        self.used += head.len();
        let (blocks, tail) = rest.as_chunks_mut();
        self.draw::<L>(blocks);
        if !tail.is_empty() {
            let mut block = [[0; LANES]];
            self.draw::<L>(&mut block);
            [self.block] = block;
            self.used = tail.len();
            tail.iter_mut().zip(&self.block).for_each(|(value, drawn)| *value = *drawn);
        }
    }

    /// Blocks of one value of every lane, of two words each.
    #[inline(always)]
    fn draw<L: Lanes>(&mut self, blocks: &mut [[i64; LANES]]) {
        match &mut self.words {
            words if cfg!(target_arch = "arm") => draw::<L, _>(self.quantiles, words, blocks),
            Words::Xoshiro(streams) => {
                // A copy of which no address is taken can stay in registers.
                let mut words = streams.clone();
                draw::<L, _>(self.quantiles, &mut words, blocks);
                *streams = words;
            }
            Words::ChaCha(cipher) => draw::<L, _>(self.quantiles, cipher, blocks),
        }
    }
}

#[inline(always)]
fn draw<L: Lanes, W: LaneWords>(quantiles: Quantiles<'_>, source: &mut W, blocks: &mut [[i64; LANES]]) {
    for block in blocks {
        let (high, low) = (source.next(), source.next());
        let mut words = [0; LANES];
        for ((word, &high), &low) in words.iter_mut().zip(&high).zip(&low) {
            *word = u64::from(high) << 32 | u64::from(low);
        }
        *block = L::deviates(quantiles, &words);
    }
}

/// The deviate of a uniform word, in units of 2^-58: negative if the first bit is set, PhiInv(1 - p / 2^64) for the
/// 63-bit tail p after it, of which the last octaves are one.
#[inline(always)]
pub fn quantile(quantiles: Quantiles<'_>, word: u64) -> i64 {
    let (segment, t) = place(word);
    let Some(coefficients) = quantiles.get(segment as usize) else { return 0 };
    let (coefficients, _) = coefficients.as_chunks();
    let value = coefficients
        .iter()
        .rev()
        .fold(0, |sum: i64, coefficient| i64::from_le_bytes(*coefficient).wrapping_add(high(sum, t)));
    if word >> 63 == 1 { value.wrapping_neg() } else { value }
}

/// The segment of a uniform word, below [`QUANTILE_SEGMENTS`](crate::format::layout::QUANTILE_SEGMENTS), and where in it
/// the word is, in units of 2^-64 of the segment.
#[inline(always)]
pub(crate) fn place(word: u64) -> (u64, u64) {
    const SEGMENTS: u64 = 1 << QUANTILE_BITS;
    let tail = (word << 1) | 1;
    let octave = tail.leading_zeros().min(QUANTILE_OCTAVES - 1);
    // Behind the leading one of its octave.
    let rest = tail << octave << 1;
    (u64::from(octave) * SEGMENTS + (rest >> (64 - QUANTILE_BITS)), rest << QUANTILE_BITS)
}
