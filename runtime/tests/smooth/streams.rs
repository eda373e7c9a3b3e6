//! No random word is used twice.
//!
//! What holds by construction: every block of ChaCha8 has a (key, stream, counter) of its own, since part, purpose and
//! sample each have bits of their own in the stream number. The xoshiro lanes start from such blocks, and all run on one
//! orbit of 2^128 - 1 states; that no two of them meet is a matter of chance there, with odds of 2^-128 times the words
//! drawn times the lanes. Here it is looked up for the samples of whole certificates.

use crate::naive::{Xoshiro, chacha8, lanes};
use ringfence_runtime::noise::{Cipher, LANES, Purpose, Seed, Streams};
use std::collections::HashSet;

/// Words that a lane of a 3x32x32 image uses, with as many more for ties as never occur.
const WORDS: usize = 3 * 32 * 32 / LANES + 64;

/// Select, estimate and vote samples of some certificates.
fn samples() -> impl Iterator<Item = (Seed, Purpose, u32)> {
    let seeds = [Seed([0; 32]), Seed([0x5e; 32])].into_iter();
    let purposes = [(Purpose::Select, 100), (Purpose::Estimate, 300), (Purpose::Vote, 300)];
    seeds.flat_map(move |seed| {
        purposes.into_iter().flat_map(move |(purpose, n)| (0..n).map(move |sample| (seed, purpose, sample)))
    })
}

/// Whether a lane runs into the start of another one within its words: the only way for two to share a state.
fn meet(lanes: &[Xoshiro]) -> bool {
    let starts: HashSet<[u32; 4]> = lanes.iter().map(|lane| lane.0).collect();
    let runs_into_one = |lane: &Xoshiro| {
        let mut lane = lane.clone();
        (0..WORDS).any(|_| {
            lane.next();
            starts.contains(&lane.0)
        })
    };
    starts.len() < lanes.len() || lanes.iter().any(runs_into_one)
}

#[test]
fn lanes_of_certificates_never_meet() {
    let mut all: Vec<Xoshiro> =
        samples().flat_map(|(seed, purpose, sample)| lanes(&seed, purpose, sample)).collect();
    assert_eq!(all.len(), 2 * 700 * LANES);
    assert!(!meet(&all));
    // A lane that starts where another one ends is found.
    let mut last = all[777].clone();
    for _ in 0..WORDS {
        last.next();
    }
    all.push(last);
    assert!(meet(&all));
}

#[test]
fn parts_purposes_and_samples_have_streams_of_their_own() {
    let mut first = HashSet::new();
    let mut all = 0;
    for (seed, purpose, sample) in samples().chain([(Seed([1; 32]), Purpose::Vote, u32::MAX)]) {
        let mut cipher = Cipher::new(&seed, purpose, sample);
        let words = cipher.words();
        let refining: [u32; LANES] = core::array::from_fn(|lane| cipher.refinement(lane));
        let lanes = Streams::new(&seed, purpose, sample).words();
        all += 3;
        first.extend([words, refining, lanes]);
        // The stream numbers, spelt out.
        for (part, words) in [(1, words), (2, refining)] {
            let stream = part << 40 | u64::from(purpose as u8) << 32 | u64::from(sample);
            let expected = chacha8(&seed.0, stream, 64);
            assert_eq!(words.map(u32::to_le_bytes).as_flattened(), expected);
        }
    }
    assert_eq!(first.len(), all);
}
