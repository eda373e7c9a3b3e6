//! The whole path on networks small enough for an interpreter: `.ci/miri` runs this file in Miri, which sees undefined
//! behaviour, reads of memory never written and overflows that no result shows.

#![allow(clippy::unwrap_used, clippy::panic)]

use ringfence_runtime::certificate::Record;
use ringfence_runtime::exec::Executor;
use ringfence_runtime::smooth::{Budget, Generator, Image, Purpose, Seed, Smoother, Vote};
use ringfence_runtime::{Backend, Model};

#[path = "suite/support/mod.rs"]
mod support;

use support::{Rng, noisy_image, random_network};

/// Most multiply-accumulates of a network that is run.
const MACS: u64 = 4_000;

/// Seeds of networks of at most 632 multiply-accumulates and up to seven operations, for an interpreter: it would spend
/// most of its time on making and refusing larger ones.
const FEW: [u64; 6] = [0, 9, 19, 22, 23, 24];

/// Calls `check` with small networks; an interpreter gets a few of the smallest.
fn networks(mut check: impl FnMut(&support::Network, &Model<'_>)) {
    let seeds = if cfg!(miri) { FEW.to_vec() } else { (0..100).collect() };
    for seed in seeds {
        let network = random_network(&mut Rng(seed));
        let file = network.to_bytes();
        let model = Model::parse(&file).unwrap();
        if model.ops().map(|op| op.macs()).sum::<u64>() <= MACS {
            check(&network, &model);
        }
    }
}

fn backends() -> impl Iterator<Item = Backend> {
    Backend::ALL.into_iter().filter(|backend| backend.is_available())
}

#[test]
fn networks_equal_the_formulas() {
    let mut rng = Rng(77);
    networks(|network, model| {
        let image = noisy_image(&mut rng, network);
        let (_, expected) = network.evaluate(&image);
        for backend in backends() {
            let executor = Executor::new(model, backend).unwrap();
            // Memory of exactly the size asked for, so that a byte too far is seen.
            let mut arena = vec![0; model.arena_bytes(1)].into_boxed_slice();
            let mut writer = executor.write_input(&mut arena, 0).unwrap();
            let input = model.input();
            for (i, row) in image.chunks(input.width).enumerate() {
                writer.row(i / input.height, i % input.height, row);
            }
            let mut logits = vec![0; model.classes()];
            executor.run(&mut arena, 1, &mut logits, |_, _, _| ()).unwrap();
            assert!(logits.iter().map(|&logit| i64::from(logit)).eq(expected.iter().copied()));
        }
    });
}

#[test]
fn certificates_votes_and_steps_agree() {
    networks(|_, model| {
        let input = model.input();
        let pixels: Vec<u8> = (0..input.values()).map(|i| (i * 53) as u8).collect();
        let image = Image::hwc(&pixels, input.channels, input.height, input.width).unwrap();
        let seed = Seed([9; 32]);
        let budget = Budget::two_stage(4, 8, 0.1);
        let mut outcomes = Vec::new();
        for (backend, batch) in backends().zip([1, 3, 2, 5, 1]) {
            let mut arena = vec![0xEE; model.arena_bytes(batch)].into_boxed_slice();
            let mut smoother = Smoother::with_backend(model, &mut arena, backend).unwrap();
            let outcome = smoother.certify(&image, budget, &seed).unwrap();
            let mut run = smoother.start(&image, budget, &seed).unwrap();
            while !run.step(3).unwrap() {}
            assert_eq!(run.finish().unwrap(), outcome);
            let table = budget.table(model).unwrap();
            let record = Record::new(model, &image, (&seed, Generator::default()), &table, &outcome);
            assert_eq!(record.image_sha256, image.sha256());
            let votes = [Vote::Prediction, Vote::Weighted, Vote::Soft]
                .map(|vote| smoother.vote(&image, &seed, 3, vote).unwrap());
            let counts = smoother.tally(&image, &seed, Purpose::Vote, 0..3).unwrap();
            outcomes.push((outcome, votes, counts, smoother.classify(&image).unwrap()));
        }
        assert!(outcomes.windows(2).all(|pair| pair[0] == pair[1]));
    });
}

/// Bytes of a good file replaced: refused, or read without harm.
#[test]
fn damaged_files_do_no_harm() {
    let file = random_network(&mut Rng(5)).to_bytes();
    let mut rng = Rng(6);
    for _ in 0..if cfg!(miri) { 40 } else { 2_000 } {
        let mut damaged = file.clone();
        let structure = damaged.len().min(1_500) - 1;
        damaged[20 + rng.size(0, structure - 20)] = rng.size(0, 255) as u8;
        support::reseal(&mut damaged);
        if let Ok(model) = Model::parse(&damaged) {
            assert!(model.tensors().all(|tensor| tensor.range().end <= model.sample_arena_bytes()));
            assert!(model.ops().count() > 0 && model.certificates().all(|table| table.n() > 0));
        }
    }
}
