//! Walker's alias table in integers.

/// `2^b` columns of `2^(64-b)` units each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    bits: u32,
    /// Units of the column that keep the column's own value, below `2^(64-b)`; the rest go to the alias. A
    /// column that keeps all its units has threshold 0 and itself as alias.
    threshold: Vec<u64>,
    alias: Vec<u32>,
}

/// Spreads masses that sum to 2^64 over equal columns, exactly (Vose 1991; here without any rounding).
pub(super) fn build(masses: &[u128], bits: u32) -> Columns {
    let capacity = 1u128 << (64 - bits);
    let mut rest = masses.to_vec();
    let mut threshold = vec![0u64; masses.len()];
    let mut alias: Vec<u32> = (0..masses.len() as u32).collect();
    let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..masses.len())
        .filter(|&column| rest[column] != capacity)
        .partition(|&column| rest[column] < capacity);
    while let (Some(&donor), Some(column)) = (large.last(), small.pop()) {
        threshold[column] = rest[column] as u64;
        alias[column] = donor as u32;
        rest[donor] -= capacity - rest[column];
        if rest[donor] <= capacity {
            large.pop();
            if rest[donor] < capacity {
                small.push(donor);
            }
        }
    }
    Columns { bits, threshold, alias }
}

impl Columns {
    /// The distribution the columns stand for: units of 2^-64 per value.
    pub(super) fn masses(&self) -> Vec<u128> {
        let capacity = 1u128 << (64 - self.bits);
        let mut masses = vec![0u128; self.threshold.len()];
        for (column, (&threshold, &alias)) in self.threshold.iter().zip(&self.alias).enumerate() {
            masses[column] += u128::from(threshold);
            masses[alias as usize] += capacity - u128::from(threshold);
        }
        masses
    }

    /// Table words `hi << b | alias` and the thresholds' last 32 bits.
    pub(super) fn to_words(&self) -> (Vec<u32>, Vec<u32>) {
        let word = |(&threshold, &alias): (&u64, &u32)| ((threshold >> 32) as u32) << self.bits | alias;
        let words = self.threshold.iter().zip(&self.alias).map(word).collect();
        (words, self.threshold.iter().map(|&threshold| threshold as u32).collect())
    }
}
