//! Votes of small networks against the plain evaluator over naive noise.

use crate::naive;
use crate::support::{Network, Rng, random_network};
use ringfence_runtime::noise::{Generator, Purpose, Seed};
use ringfence_runtime::smooth::{Counts, Error, Image, Smoother, Vote, add_counts};
use ringfence_runtime::{Backend, Model};
use std::ops::RangeInclusive;

pub const SEED: Seed = Seed([0x5e; 32]);

/// A small network and an image for it.
pub struct Case {
    pub network: Network,
    pub file: Vec<u8>,
    pub pixels: Vec<u8>,
}

impl Case {
    pub fn of(network: Network, rng: &mut Rng) -> Self {
        let s = network.tensors[0];
        let pixels = (0..s.channels * s.height * s.width).map(|_| rng.next() as u8).collect();
        Self { file: network.to_bytes(), network, pixels }
    }

    /// Noisy copies of the image do not all get the same class.
    pub fn new(rng: &mut Rng) -> Self {
        Self::with_top_votes(rng, 0..=24)
    }

    /// The top class has about as many of 32 votes.
    pub fn with_top_votes(rng: &mut Rng, wanted: RangeInclusive<u32>) -> Self {
        loop {
            let case = Self::of(random_network(rng), rng);
            let model = Model::parse(&case.file).unwrap();
            let mut arena = vec![0; model.arena_bytes(1)];
            let mut smoother = Smoother::new(&model, &mut arena).unwrap();
            let votes = smoother.tally(&case.image(), &SEED, Purpose::Vote, 0..32).unwrap();
            if wanted.contains(votes.iter().max().unwrap()) {
                return case;
            }
        }
    }

    pub fn image(&self) -> Image<'_> {
        let s = self.network.tensors[0];
        Image::chw(&self.pixels, s.channels, s.height, s.width).unwrap()
    }

    /// Logits of a sample by the plain evaluator.
    fn naive_logits(&self, model: &Model<'_>, purpose: Purpose, sample: u32) -> Vec<i64> {
        let noise = naive::noise(&model.noise(), &SEED, purpose, sample, self.pixels.len());
        self.logits_of(&noise)
    }

    fn logits_of(&self, noise: &[i16]) -> Vec<i64> {
        let noisy: Vec<i16> = noise.iter().zip(&self.pixels).map(|(n, &p)| n + i16::from(p)).collect();
        self.network.evaluate(&noisy).1
    }

    pub fn naive_counts(
        &self,
        model: &Model<'_>,
        purpose: Purpose,
        samples: core::ops::Range<u32>,
    ) -> Vec<u32> {
        let mut counts = vec![0; self.network.classes];
        for sample in samples {
            let logits = self.naive_logits(model, purpose, sample);
            counts[ranking(&logits)[0]] += 1;
        }
        counts
    }
}

/// Classes by falling logit, equal ones by rising class.
fn ranking(logits: &[i64]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by_key(|&class| (-logits[class], class));
    classes
}

#[test]
fn counts_are_those_of_the_plain_evaluator() {
    let mut rng = Rng(10);
    for _ in 0..12 {
        let case = Case::new(&mut rng);
        let model = Model::parse(&case.file).unwrap();
        let mut arena = vec![0xEE; model.arena_bytes(5)];
        let mut smoother = Smoother::new(&model, &mut arena).unwrap();
        for purpose in [Purpose::Select, Purpose::Estimate, Purpose::Vote] {
            let counts = smoother.tally(&case.image(), &SEED, purpose, 3..40).unwrap();
            assert_eq!(counts[..], case.naive_counts(&model, purpose, 3..40));
        }
        let clean: Vec<i16> = case.pixels.iter().map(|&pixel| i16::from(pixel)).collect();
        let class = ranking(&case.network.evaluate(&clean).1)[0];
        assert_eq!(smoother.classify(&case.image()), Ok(class));
    }
}

#[test]
fn noise_of_the_cipher_gives_its_own_votes_on_every_backend() {
    let mut rng = Rng(14);
    for _ in 0..4 {
        let case = Case::new(&mut rng);
        let model = Model::parse(&case.file).unwrap();
        let mut expected = vec![0; case.network.classes];
        for sample in 5..60 {
            let (table, values) = (model.noise(), case.pixels.len());
            let noise = naive::cipher_noise(&table, &SEED, Purpose::Estimate, sample, values);
            expected[ranking(&case.logits_of(&noise))[0]] += 1;
        }
        let mut arena = vec![0; model.arena_bytes(3)];
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            let smoother = Smoother::with_backend(&model, &mut arena, backend).unwrap();
            let mut smoother = smoother.with_generator(Generator::ChaCha);
            let counts = smoother.tally(&case.image(), &SEED, Purpose::Estimate, 5..60).unwrap();
            assert_eq!(counts[..], expected, "{backend:?}");
        }
    }
}

#[test]
fn batches_backends_and_ranges_do_not_matter() {
    let mut rng = Rng(11);
    for _ in 0..8 {
        let case = Case::new(&mut rng);
        let model = Model::parse(&case.file).unwrap();
        let expected = case.naive_counts(&model, Purpose::Estimate, 0..100);
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            for batch in [1, 2, 7, 16, 40] {
                // Rubbish in the arena, and a tail that is too short for another sample.
                let mut arena = vec![rng.next() as u8; model.arena_bytes(batch) + model.arena_bytes(1) - 1];
                let mut smoother = Smoother::with_backend(&model, &mut arena, backend).unwrap();
                assert_eq!(smoother.batch(), batch.min(16));
                let cut = rng.size(0, 100) as u32;
                let mut sum = smoother.tally(&case.image(), &SEED, Purpose::Estimate, 0..cut).unwrap();
                add_counts(
                    &mut sum,
                    &smoother.tally(&case.image(), &SEED, Purpose::Estimate, cut..100).unwrap(),
                );
                assert_eq!(sum[..], expected, "{backend:?}, batch {batch}, cut at {cut}");
            }
        }
    }
}

#[test]
fn layout_of_the_image_does_not_matter() {
    let case = Case::new(&mut Rng(12));
    let model = Model::parse(&case.file).unwrap();
    let mut arena = vec![0; model.arena_bytes(3)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let [c, h, w] = case.image().shape();
    let hwc: Vec<u8> =
        (0..c * h * w).map(|i| case.image().pixel(i % c, i / c / w, i / c % w).unwrap()).collect();
    let hwc = Image::hwc(&hwc, c, h, w).unwrap();
    let mut votes = |image| smoother.tally(&image, &SEED, Purpose::Vote, 0..50).unwrap();
    assert_eq!(votes(hwc), votes(case.image()));
}

#[test]
fn an_image_wider_than_a_piece_is_written_whole() {
    // 150 pixels in a row, through pieces of 64, by a network that only looks at its input.
    let mut rng = Rng(13);
    let network = crate::support::random_conv(&mut rng, [4, 4], [1, 1], [2, 150]);
    let case = Case::of(network, &mut rng);
    let model = Model::parse(&case.file).unwrap();
    let mut arena = vec![0; model.arena_bytes(2)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let scores = smoother.scores(&case.image(), &SEED, Vote::Soft, 0..8).unwrap();
    assert_eq!(scores[..], naive_scores(&case, &model, Vote::Soft, 8));
}

/// The three rules from their definitions.
fn naive_scores(case: &Case, model: &Model<'_>, vote: Vote, n: u32) -> Vec<u64> {
    let classes = case.network.classes;
    let mut scores = vec![0; classes];
    for sample in 0..n {
        let logits = case.naive_logits(model, Purpose::Vote, sample);
        let ranking = ranking(&logits);
        match vote {
            Vote::Prediction => scores[ranking[0]] += 1,
            Vote::Weighted => {
                let ranked = classes.min(16);
                for (rank, &class) in ranking.iter().take(ranked).enumerate() {
                    scores[class] += 2u64.pow((ranked - 1 - rank) as u32);
                }
            }
            Vote::Soft => {
                let softmax = model.softmax();
                let exponential = |class: usize| {
                    let distance = (logits[ranking[0]] - logits[class]) as u64;
                    let index = ((distance * u64::from(softmax.mul)) >> softmax.shift).min(255);
                    u64::from(u16::from_le_bytes(softmax.table[index as usize]))
                };
                let sum: u64 = (0..classes).map(exponential).sum();
                for (class, score) in scores.iter_mut().enumerate() {
                    *score += exponential(class) * 65_536 / sum;
                }
            }
            _ => panic!("a vote without a reference"),
        }
    }
    scores
}

#[test]
fn every_rule_equals_its_definition() {
    let mut rng = Rng(14);
    let mut classes = Vec::new();
    for _ in 0..12 {
        let case = Case::new(&mut rng);
        classes.push(case.network.classes);
        let model = Model::parse(&case.file).unwrap();
        let mut arena = vec![0; model.arena_bytes(4)];
        let mut smoother = Smoother::new(&model, &mut arena).unwrap();
        for vote in [Vote::Prediction, Vote::Weighted, Vote::Soft] {
            let expected = naive_scores(&case, &model, vote, 30);
            let verdict = smoother.vote(&case.image(), &SEED, 30, vote).unwrap();
            assert_eq!(verdict.scores[..], expected, "{vote:?}");
            let best = expected.iter().max().unwrap();
            assert_eq!(verdict.class, expected.iter().position(|score| score == best).unwrap(), "{vote:?}");
            // Ranges add up.
            let parts =
                [0..13, 13..30].map(|range| smoother.scores(&case.image(), &SEED, vote, range).unwrap());
            let sum: Vec<u64> = parts[0].iter().zip(&parts[1]).map(|(a, b)| a + b).collect();
            assert_eq!(sum, expected, "{vote:?}");
        }
        // All votes from samples that are drawn once, whole and up to any N.
        let mut sums =
            [Vote::Prediction, Vote::Weighted, Vote::Soft].map(|vote| (vote, vec![0; case.network.classes]));
        let mut seen = 0;
        let prefixes = smoother.each_ballot(&case.image(), &SEED, 0..30, |ballot| {
            sums.iter_mut().for_each(|(vote, sum)| ballot.add_to(*vote, sum));
            seen += 1;
            if [1, 7, 30].contains(&seen) {
                for (vote, sum) in &sums {
                    assert_eq!(*sum, naive_scores(&case, &model, *vote, seen), "{vote:?} of {seen}");
                }
            }
        });
        assert_eq!((prefixes, seen), (Ok(()), 30));
        assert_eq!(smoother.vote(&case.image(), &SEED, 0, Vote::Soft), Err(Error::NoSamples));
    }
    assert!(classes.iter().any(|&c| c > 16) && classes.iter().any(|&c| c < 16), "classes {classes:?}");
}

#[test]
fn another_seed_gives_other_votes() {
    let case = Case::new(&mut Rng(15));
    let model = Model::parse(&case.file).unwrap();
    let mut arena = vec![0; model.arena_bytes(16)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let mut votes = |seed, purpose, range: core::ops::Range<u32>| -> Vec<Counts> {
        range.map(|i| smoother.tally(&case.image(), &seed, purpose, i..i + 1).unwrap()).collect()
    };
    let base = votes(SEED, Purpose::Select, 0..200);
    assert_ne!(base, votes(SEED, Purpose::Estimate, 0..200));
    assert_ne!(base, votes(SEED, Purpose::Select, 200..400));
    assert_ne!(base, votes(Seed([0x5f; 32]), Purpose::Select, 0..200));
}

#[test]
fn what_does_not_fit_is_named() {
    let case = Case::new(&mut Rng(16));
    let model = Model::parse(&case.file).unwrap();
    let needed = model.arena_bytes(1);
    let mut arena = vec![0; needed];
    let error = Smoother::new(&model, &mut arena[1..]).unwrap_err();
    assert_eq!(error, Error::ArenaTooSmall { needed, given: needed - 1 });
    assert_eq!(error.to_string(), format!("arena of {} bytes, one sample needs {needed}", needed - 1));
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let [c, h, w] = case.image().shape();
    let pixels = vec![0; c * h * (w + 1)];
    let wide = Image::chw(&pixels, c, h, w + 1).unwrap();
    let error = Error::ImageShape { expected: [c, h, w], found: [c, h, w + 1] };
    assert_eq!(smoother.classify(&wide), Err(error));
    assert_eq!(smoother.tally(&wide, &SEED, Purpose::Vote, 0..1), Err(error));
    assert_eq!(smoother.vote(&wide, &SEED, 1, Vote::Soft), Err(error));
    for backend in Backend::ALL.into_iter().filter(|backend| !backend.is_available()) {
        let mut arena = vec![0; needed];
        let refused = Smoother::with_backend(&model, &mut arena, backend).map(|s| s.backend());
        assert_eq!(refused, Err(Error::BackendUnavailable(backend)));
    }
}
