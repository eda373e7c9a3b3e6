//! Walker's alias method over the noise table.

use super::generator::{Generator, LaneWords, Words};
use super::lanes::{Lanes, OneByOne, entry};
use super::streams::{LANES, Purpose, Seed};
use crate::format::NoiseTable;

/// The noise of one sample: integers distributed as `round(255 sigma z)`, one after the other in CHW order.
///
/// A draw takes one word w of the value's lane. Its leading b bits name a column, the rest is compared with
/// the leading `32 - b` bits of the column's threshold: below, the column's own value; above, its alias. On
/// equality, once in 2^(32-b), 32 bits more of the same lane are compared with the threshold's last 32 bits.
/// So every threshold has `64 - b` bits, and a draw rarely costs more than one word.
#[derive(Debug)]
pub struct Noise<'a> {
    table: NoiseTable<'a>,
    words: Words,
    block: [i16; LANES],
    /// Values of the block that are used up.
    used: usize,
}

impl<'a> Noise<'a> {
    /// The noise of a sample, from the default generator.
    pub fn new(table: NoiseTable<'a>, seed: &Seed, purpose: Purpose, sample: u32) -> Self {
        Self::with_generator(table, Generator::default(), seed, purpose, sample)
    }

    /// The noise of a sample.
    pub fn with_generator(
        table: NoiseTable<'a>,
        generator: Generator,
        seed: &Seed,
        purpose: Purpose,
        sample: u32,
    ) -> Self {
        let words = Words::new(generator, seed, purpose, sample);
        Self { table, words, block: [0; LANES], used: LANES }
    }

    /// The next values. How an image is cut into calls does not matter.
    pub fn fill(&mut self, values: &mut [i16]) {
        self.fill_with::<OneByOne>(values);
    }

    /// [`fill`](Self::fill) with the operations of a backend.
    #[inline(always)]
    pub(crate) fn fill_with<L: Lanes>(&mut self, values: &mut [i16]) {
        let (head, rest) = values.split_at_mut(values.len().min(LANES - self.used));
        head.iter_mut().zip(self.block.iter().skip(self.used)).for_each(|(value, drawn)| *value = *drawn);
        self.used += head.len();
        let (blocks, tail) = rest.as_chunks_mut();
        self.draw::<L, _>(blocks.iter_mut(), |block, values| *block = *values);
        if !tail.is_empty() {
            let mut block = [0; LANES];
            self.draw::<L, _>([&mut block], |block, values| *block = *values);
            self.block = block;
            self.used = tail.len();
            tail.iter_mut().zip(&self.block).for_each(|(value, drawn)| *value = *drawn);
        }
    }

    /// Draws a block for each target; false, and nothing drawn, if part of a block is left from before.
    #[inline(always)]
    pub(crate) fn each_block<L: Lanes, T>(
        &mut self,
        targets: impl IntoIterator<Item = T>,
        visit: impl FnMut(T, &[i16; LANES]),
    ) -> bool {
        let whole = self.used == LANES;
        if whole {
            self.draw::<L, T>(targets, visit);
        }
        whole
    }

    /// Blocks of one value of every lane.
    #[inline(always)]
    fn draw<L: Lanes, T>(
        &mut self,
        targets: impl IntoIterator<Item = T>,
        visit: impl FnMut(T, &[i16; LANES]),
    ) {
        match &mut self.words {
            // Where there are no registers for the lanes, a copy only costs, and so does a loop for each generator.
            words if cfg!(target_arch = "arm") => draw::<L, _, _>(&self.table, words, targets, visit),
            Words::Xoshiro(streams) => {
                // A copy of which no address is taken can stay in registers.
                let mut words = streams.clone();
                draw::<L, _, _>(&self.table, &mut words, targets, visit);
                *streams = words;
            }
            Words::ChaCha(cipher) => draw::<L, _, _>(&self.table, cipher, targets, visit),
        }
    }
}

#[inline(always)]
fn draw<L: Lanes, W: LaneWords, T>(
    table: &NoiseTable<'_>,
    source: &mut W,
    targets: impl IntoIterator<Item = T>,
    mut visit: impl FnMut(T, &[i16; LANES]),
) {
    let split = Split::new(table);
    for target in targets {
        let words = source.next();
        let mut columns = words;
        for column in &mut columns {
            *column = split.column(*column);
        }
        let entries = L::entries(table.words, &columns);
        let mut tie = false;
        let mut values = [0; LANES];
        for ((value, &word), &entry) in values.iter_mut().zip(&words).zip(&entries) {
            let (fraction, threshold) = (split.fraction(word), split.threshold(entry));
            tie |= fraction == threshold;
            // Masked, not branched: which of the two it is cannot be predicted.
            let keep = u32::from(fraction < threshold).wrapping_neg();
            *value = value_of(table, split.column(word) & keep | split.alias(entry) & !keep);
        }
        if tie {
            let ties = ties(split, words, entries);
            values = break_ties(table, words, ties, source.refine(ties), values);
        }
        visit(target, &values);
    }
}

/// Which lanes the leading bits of the threshold do not decide.
#[cold]
fn ties(split: Split, words: [u32; LANES], entries: [u32; LANES]) -> [bool; LANES] {
    core::array::from_fn(|lane| split.fraction(words[lane]) == split.threshold(entries[lane]))
}

#[cold]
fn break_ties(
    table: &NoiseTable<'_>,
    words: [u32; LANES],
    ties: [bool; LANES],
    refinements: [u32; LANES],
    mut values: [i16; LANES],
) -> [i16; LANES] {
    let split = Split::new(table);
    for lane in (0..LANES).filter(|&lane| ties[lane]) {
        let column = split.column(words[lane]);
        let keep = refinements[lane] < entry(table.low, column);
        let alias = split.alias(entry(table.words, column));
        values[lane] = value_of(table, if keep { column } else { alias });
    }
    values
}

#[inline(always)]
fn value_of(table: &NoiseTable<'_>, column: u32) -> i16 {
    (table.min_value + column as i32) as i16
}

/// How words and table entries split at b bits.
#[derive(Clone, Copy)]
struct Split {
    bits: u32,
}

impl Split {
    #[inline(always)]
    fn new(table: &NoiseTable<'_>) -> Self {
        Self { bits: u32::from(table.column_bits) }
    }

    /// Leading b bits of a word.
    #[inline(always)]
    fn column(self, word: u32) -> u32 {
        word >> (32 - self.bits)
    }

    /// The other bits of a word.
    #[inline(always)]
    fn fraction(self, word: u32) -> u32 {
        word & ((1 << (32 - self.bits)) - 1)
    }

    /// Leading bits of an entry.
    #[inline(always)]
    fn threshold(self, entry: u32) -> u32 {
        entry >> self.bits
    }

    /// Last b bits of an entry.
    #[inline(always)]
    fn alias(self, entry: u32) -> u32 {
        entry & ((1 << self.bits) - 1)
    }
}
