//! Streams and sampler against published vectors, the crate rand_xoshiro and the naive definition.

use crate::naive::{Xoshiro, chacha8, cipher_noise, lanes, noise};
use crate::support::Rng;
use proptest::prelude::*;
use rand_core::{Rng as _, SeedableRng};
use rand_xoshiro::Xoshiro128PlusPlus;
use ringfence_runtime::NoiseTable;
use ringfence_runtime::noise::{Generator, LANES, Noise, Purpose, Seed, Streams};

const PURPOSES: [Purpose; 3] = [Purpose::Select, Purpose::Estimate, Purpose::Vote];

/// A noise table that owns its words.
struct Table {
    bits: u8,
    words: Vec<[u8; 4]>,
    low: Vec<[u8; 4]>,
}

impl Table {
    /// Random thresholds and aliases.
    fn random(rng: &mut Rng, bits: u8) -> Self {
        let mut column = || (rng.next() as u32).to_le_bytes();
        let words = (0..1 << bits).map(|_| column()).collect();
        Self { bits, words, low: (0..1 << bits).map(|_| column()).collect() }
    }

    fn view(&self) -> NoiseTable<'_> {
        let min_value = 1 - (1 << (self.bits - 1));
        let (words, low) = (&self.words[..], &self.low[..]);
        NoiseTable { sigma_bits: 0, column_bits: self.bits, min_value, tv_budget: 0, words, low }
    }
}

fn fill(table: &NoiseTable<'_>, seed: &Seed, purpose: Purpose, sample: u32, count: usize) -> Vec<i16> {
    let mut values = vec![0; count];
    Noise::new(*table, seed, purpose, sample).fill(&mut values);
    values
}

#[test]
fn naive_generators_give_the_published_vectors() {
    let zero_key = [
        0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f, 0x09, 0xa5, 0xa1, 0x2c,
        0x84, 0x0e, 0xc3, 0xce, 0x9a, 0x7f, 0x3b, 0x18, 0x1b, 0xe1, 0x88, 0xef, 0x71, 0x1a, 0x1e,
    ];
    assert_eq!(chacha8(&[0; 32], 0, 32), zero_key);
    let mut lane = Xoshiro::new(&[1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0]);
    let reference = [641, 1573767, 3222811527, 3517856514, 836907274, 4247214768, 3867114732, 1355841295];
    assert_eq!(reference.map(|_| lane.next()), reference);
}

#[test]
fn streams_are_keyed_by_seed_purpose_and_sample() {
    let mut rng = Rng(1);
    let seeds = [Seed([0; 32]), Seed([0xff; 32]), Seed(core::array::from_fn(|_| rng.next() as u8))];
    let mut first = Vec::new();
    for seed in &seeds {
        for purpose in PURPOSES {
            for sample in [0, 1, 2, 999, u32::MAX] {
                let mut streams = Streams::new(seed, purpose, sample);
                let mut naive = lanes(seed, purpose, sample);
                first.push(streams.clone().words());
                for _ in 0..50 {
                    let expected: Vec<u32> = naive.iter_mut().map(Xoshiro::next).collect();
                    assert_eq!(streams.words()[..], expected, "{purpose:?} {sample}");
                }
                assert_eq!(streams.word(5), naive[5].next());
                assert_eq!(streams.word(5), naive[5].next());
                assert_eq!(streams.words()[4], naive[4].next());
            }
        }
    }
    // No two samples share a stream, and no two lanes of a sample.
    let mut words = first.concat();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), first.len() * LANES);
}

#[test]
fn first_words_of_a_sample_stay_what_they_are() {
    let seed = Seed(core::array::from_fn(|i| i as u8));
    let words = Streams::new(&seed, Purpose::Estimate, 7).words();
    let expected = [
        1918927255, 1796374384, 2914207816, 3327662687, 1710477445, 2896245796, 1510462963, 938548813,
        928272040, 3153760177, 1941065603, 2404161128, 1056978448, 3301495227, 1854442415, 2751470734,
    ];
    assert_eq!(words, expected);
}

#[test]
fn lanes_are_rand_xoshiro() {
    let mut rng = Rng(2);
    for round in 0..20 {
        let mut seeds: [u8; 256] = core::array::from_fn(|_| rng.next() as u8);
        // An all-zero seed has a replacement of its own; one set bit has not.
        seeds[32..48].fill(0);
        seeds[64..80].fill(0);
        seeds[79] = 1 << (round % 8);
        let mut streams = Streams::from_lane_seeds(&seeds);
        let (lanes, _) = seeds.as_chunks::<16>();
        let mut crates: Vec<_> = lanes.iter().map(|seed| Xoshiro128PlusPlus::from_seed(*seed)).collect();
        for _ in 0..100 {
            let expected: Vec<u32> = crates.iter_mut().map(|lane| lane.next_u32()).collect();
            assert_eq!(streams.words()[..], expected);
        }
    }
}

#[test]
fn sampler_equals_the_naive_one() {
    let mut rng = Rng(3);
    for bits in 6..=13 {
        let table = Table::random(&mut rng, bits);
        let seed = Seed(core::array::from_fn(|_| rng.next() as u8));
        for (sample, purpose) in (0..20).zip(PURPOSES.into_iter().cycle()) {
            let expected = noise(&table.view(), &seed, purpose, sample, 3072);
            assert_eq!(fill(&table.view(), &seed, purpose, sample, 3072), expected, "b = {bits}");
        }
    }
}

#[test]
fn ties_draw_one_more_word_of_the_same_lane() {
    let (seed, purpose, sample, lane) = (Seed([9; 32]), Purpose::Vote, 4, 3);
    let mut rng = Rng(4);
    // The lane's first word meets its column's threshold, and so does the word that follows the tie's.
    let mut words = lanes(&seed, purpose, sample);
    let [first, low, second] = [0; 3].map(|_| words[lane].next());
    let bits = 10;
    let (column, fraction) = (first >> (32 - bits), first & ((1 << (32 - bits)) - 1));
    assert_ne!(column, second >> (32 - bits));
    let mut seen = Vec::new();
    for threshold_low in [0, low.wrapping_sub(1), low, low.wrapping_add(1), u32::MAX] {
        let mut table = Table::random(&mut rng, bits as u8);
        let alias = (column + 77) % (1 << bits);
        table.words[column as usize] = (fraction << bits | alias).to_le_bytes();
        table.low[column as usize] = threshold_low.to_le_bytes();
        let values = fill(&table.view(), &seed, purpose, sample, 64);
        assert_eq!(values, noise(&table.view(), &seed, purpose, sample, 64));
        let kept = i32::from(values[lane]) - table.view().min_value;
        assert_eq!(kept as u32, if low < threshold_low { column } else { alias });
        seen.push(kept as u32 == column);
        // The next value of the lane uses the third word, as in a table where only this column ties.
        let mut untied = Table { bits: bits as u8, words: table.words.clone(), low: table.low.clone() };
        untied.words[column as usize] = alias.to_le_bytes();
        let others = fill(&untied.view(), &seed, purpose, sample, 64);
        for i in (0..64).filter(|i| i % LANES != lane) {
            assert_eq!(values[i], others[i], "value {i} is of another lane");
        }
    }
    assert_eq!(seen, [false, false, false, true, true]);
}

#[test]
fn cipher_noise_equals_the_naive_one() {
    let mut rng = Rng(7);
    for bits in [6, 10, 13] {
        let mut table = Table::random(&mut rng, bits);
        let seed = Seed(core::array::from_fn(|_| rng.next() as u8));
        // Values 0, 1, 17 and 3071 meet their thresholds: a word that refines them is drawn for each.
        let words = chacha8(&seed.0, 1 << 40 | (Purpose::Vote as u64) << 32 | 5, 4 * 3072);
        for i in [0, 1, 17, 3071] {
            let word = u32::from_le_bytes(words[4 * i..][..4].try_into().unwrap());
            let (column, fraction) = (word >> (32 - bits), word & ((1 << (32 - bits)) - 1));
            table.words[column as usize] = (fraction << bits | column ^ 1).to_le_bytes();
        }
        let mut found = vec![0; 3072];
        for (purpose, sample) in [(Purpose::Vote, 5), (Purpose::Select, 0), (Purpose::Estimate, u32::MAX)] {
            let mut noise = Noise::with_generator(table.view(), Generator::ChaCha, &seed, purpose, sample);
            noise.fill(&mut found);
            assert_eq!(found, cipher_noise(&table.view(), &seed, purpose, sample, 3072), "b = {bits}");
            assert_ne!(found, fill(&table.view(), &seed, purpose, sample, 3072));
        }
    }
}

#[test]
fn entropy_gives_the_seed_or_its_error() {
    let source = Xoshiro128PlusPlus::seed_from_u64(5);
    let mut bytes = [0; 32];
    source.clone().fill_bytes(&mut bytes);
    struct Trng(Xoshiro128PlusPlus, bool);
    impl rand_core::TryRng for Trng {
        type Error = core::fmt::Error;
        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(self.0.next_u32())
        }
        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            Ok(self.0.next_u64())
        }
        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            self.0.fill_bytes(bytes);
            if self.1 { Ok(()) } else { Err(core::fmt::Error) }
        }
    }
    impl rand_core::TryCryptoRng for Trng {}
    assert_eq!(Seed::from_entropy(&mut Trng(source.clone(), true)), Ok(Seed(bytes)));
    assert_eq!(Seed::from_entropy(&mut Trng(source, false)), Err(core::fmt::Error));
}

proptest! {
    #[test]
    fn cuts_do_not_matter(cuts in prop::collection::vec(0usize..70, 1..20), sample: u32) {
        let table = Table::random(&mut Rng(6), 6);
        let seed = Seed([3; 32]);
        let total = cuts.iter().sum();
        let whole = fill(&table.view(), &seed, Purpose::Select, sample, total);
        let ciphered = cipher_noise(&table.view(), &seed, Purpose::Select, sample, total);
        for (generator, whole) in [(Generator::Xoshiro, whole), (Generator::ChaCha, ciphered)] {
            let view = table.view();
            let mut noise = Noise::with_generator(view, generator, &seed, Purpose::Select, sample);
            let mut pieces = Vec::new();
            for cut in &cuts {
                let mut piece = vec![0; *cut];
                noise.fill(&mut piece);
                pieces.extend(piece);
            }
            prop_assert_eq!(pieces, whole);
        }
    }
}
