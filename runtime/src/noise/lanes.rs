//! What is done for all lanes at once.

use super::normal::quantile;
use super::streams::LANES;
use crate::format::Quantiles;

/// Operations on a value of every lane: what stands here is the definition, backends give the same bits sooner.
pub(crate) trait Lanes {
    /// The little-endian entries of these columns of a table; 0 beyond its end.
    #[inline(always)]
    fn entries(table: &[[u8; 4]], columns: &[u32; LANES]) -> [u32; LANES] {
        let mut entries = [0; LANES];
        for (found, &column) in entries.iter_mut().zip(columns) {
            *found = entry(table, column);
        }
        entries
    }

    /// The [normal deviates](quantile) of uniform words.
    #[inline(always)]
    fn deviates(quantiles: Quantiles<'_>, words: &[u64; LANES]) -> [i64; LANES] {
        let mut deviates = [0; LANES];
        for (deviate, &word) in deviates.iter_mut().zip(words) {
            *deviate = quantile(quantiles, word);
        }
        deviates
    }

    /// The [leading halves](high) of products.
    #[inline(always)]
    fn high(a: &[i64; LANES], b: &[u64; LANES]) -> [i64; LANES] {
        let mut halves = [0; LANES];
        for ((half, &a), &b) in halves.iter_mut().zip(a).zip(b) {
            *half = high(a, b);
        }
        halves
    }
}

/// The definition.
pub(crate) struct OneByOne;

impl Lanes for OneByOne {}

/// Entry of a table of little-endian words; 0 beyond its end.
#[inline(always)]
pub(super) fn entry(table: &[[u8; 4]], column: u32) -> u32 {
    table.get(column as usize).map_or(0, |entry| u32::from_le_bytes(*entry))
}

/// `floor(a b / 2^64)`.
#[inline(always)]
pub(crate) fn high(a: i64, b: u64) -> i64 {
    ((i128::from(a) * i128::from(b)) >> 64) as i64
}
