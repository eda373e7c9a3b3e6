//! Noise once more, one lane and one word at a time, from the definitions.

use ringfence_runtime::NoiseTable;
use ringfence_runtime::noise::{Purpose, Seed};

/// ChaCha with 8 rounds, 64-bit counter and 64-bit stream number (Bernstein 2008).
pub fn chacha8(key: &[u8; 32], stream: u64, bytes: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for counter in 0u64.. {
        if out.len() >= bytes {
            break;
        }
        let mut block: Vec<u32> = vec![0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];
        block.extend(key.as_chunks::<4>().0.iter().map(|word| u32::from_le_bytes(*word)));
        block.extend([counter as u32, (counter >> 32) as u32, stream as u32, (stream >> 32) as u32]);
        let mut x = block.clone();
        for round in 0..8 {
            for i in 0..4 {
                // Columns, then diagonals.
                let turn = |row: usize| row * 4 + if round % 2 == 0 { i } else { (i + row) % 4 };
                let [a, b, c, d] = [turn(0), turn(1), turn(2), turn(3)];
                for (to, by, rotated, bits) in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)] {
                    x[to] = x[to].wrapping_add(x[by]);
                    x[rotated] = (x[rotated] ^ x[to]).rotate_left(bits);
                }
            }
        }
        out.extend(x.iter().zip(&block).flat_map(|(a, b)| a.wrapping_add(*b).to_le_bytes()));
    }
    out.truncate(bytes);
    out
}

/// xoshiro128++ (Blackman and Vigna).
#[derive(Clone)]
pub struct Xoshiro(pub [u32; 4]);

impl Xoshiro {
    pub fn new(seed: &[u8]) -> Self {
        Self([0, 4, 8, 12].map(|at| u32::from_le_bytes(seed[at..at + 4].try_into().unwrap())))
    }

    pub fn next(&mut self) -> u32 {
        let s = &mut self.0;
        let result = s[0].wrapping_add(s[3]).rotate_left(7).wrapping_add(s[0]);
        let t = s[1] << 9;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(11);
        result
    }
}

/// The lanes of a sample.
pub fn lanes(seed: &Seed, purpose: Purpose, sample: u32) -> Vec<Xoshiro> {
    chacha8(&seed.0, stream(purpose, sample), 256).chunks(16).map(Xoshiro::new).collect()
}

/// The first `count` noise values of a sample.
pub fn noise(table: &NoiseTable<'_>, seed: &Seed, purpose: Purpose, sample: u32, count: usize) -> Vec<i16> {
    let mut lanes = lanes(seed, purpose, sample);
    (0..count).map(|i| value(table, lanes[i % 16].next(), || lanes[i % 16].next())).collect()
}

/// The same with the cipher's own words: word i of one stream, and on a tie word i of another.
pub fn cipher_noise(
    table: &NoiseTable<'_>,
    seed: &Seed,
    purpose: Purpose,
    sample: u32,
    count: usize,
) -> Vec<i16> {
    let words = |part: u64| -> Vec<u32> {
        let bytes = chacha8(&seed.0, part << 40 | stream(purpose, sample), 4 * count);
        bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    };
    let (words, refining) = (words(1), words(2));
    words.iter().zip(&refining).map(|(word, refining)| value(table, *word, || *refining)).collect()
}

fn stream(purpose: Purpose, sample: u32) -> u64 {
    u64::from(purpose as u8) << 32 | u64::from(sample)
}

/// A threshold of 64 - b bits against as many random bits, all of them drawn only on a tie.
fn value(table: &NoiseTable<'_>, word: u32, refine: impl FnOnce() -> u32) -> i16 {
    let bits = u32::from(table.column_bits);
    let column = word >> (32 - bits);
    let entry = u32::from_le_bytes(table.words[column as usize]);
    let threshold =
        u64::from(entry >> bits) << 32 | u64::from(u32::from_le_bytes(table.low[column as usize]));
    let fraction = u64::from(word) << 32 & ((1 << (64 - bits)) - 1);
    let tie = fraction >> 32 == threshold >> 32;
    let fraction = fraction | if tie { u64::from(refine()) } else { 0 };
    let kept = if fraction < threshold { column } else { entry & ((1 << bits) - 1) };
    (table.min_value + kept as i32) as i16
}
