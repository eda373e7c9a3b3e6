//! Images crafted on other networks.

use super::super::oracle::Target;
use super::super::target::OnBatch;
use super::oracles::{N, Plane, distances, plane};
use super::suites::{Bench, bench, bench_of, suite_of};
use super::*;
use crate::nets::{Architecture, Path};
use burn::tensor::Tensor;

fn transfer(craft: Craft, norm: Norm) -> Attack {
    let pgd = Pgd { norm, epsilon: 1.0, step: 0.25, steps: 20, start: Start::Uniform };
    let ascent = Ascent { pgd, loss: Loss::CrossEntropy, aim: Aim::Away, restarts: 1 };
    Attack::Transfer(Transfer { craft, ascent })
}

/// The same boundary seen from the other side.
struct Flipped<'a>(&'a Plane);

impl Target for Flipped<'_> {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        self.0.logits(images, draw).neg()
    }
}

#[test]
fn attacks_transferred_from_the_network_itself_are_as_strong_as_on_it() {
    let (plane, batch, labels) = plane();
    let [l2, linf] = distances(&plane, &batch);
    for (norm, least) in [(Norm::L2, l2), (Norm::Linf, linf)] {
        for craft in [Craft::Each, Craft::Together] {
            let middle = {
                let mut sorted = least.clone();
                sorted.sort_by(f32::total_cmp);
                f64::from(f32::midpoint(sorted[N / 2 - 1], sorted[N / 2]))
            };
            let run = |sources: &[&dyn Target]| {
                let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss)
                    .with(Sources { given: sources, substitute: None });
                let (_, found) = transfer(craft, norm).run(&oracle, &batch, &labels, middle);
                (found, oracle.cost())
            };
            let expected: Vec<bool> = least.iter().map(|d| f64::from(*d) < middle).collect();
            let (found, cost) = run(&[&plane]);
            assert_eq!(found, expected, "{norm} {craft:?}");
            let n = N as u64;
            assert_eq!(cost, Cost { forward: 22 * n, backward: 20 * n }, "the source's passes are counted");
            // From the wrong side the images only get safer.
            assert_eq!(run(&[&Flipped(&plane)]).0, [false; N]);
            assert_eq!(run(&[]), (vec![false; N], Cost { forward: n, backward: 0 }));
            if craft == Craft::Each {
                // One after the other, what either breaks is broken.
                assert_eq!(run(&[&Flipped(&plane), &plane]).0, expected);
            }
        }
    }
}

#[test]
fn draws_side_by_side_are_those_one_by_one() {
    let bench = bench();
    let ids = [3, 0, 7];
    let target = NetTarget { sigma: 0.3, ..bench.target() };
    let on = OnBatch { target, ids: &ids, watch: &() };
    let images = bench.images.evaluation(&ids, 0.0, 1).pixels;
    let images = Tensor::<4>::from_data(TensorData::new(images, [3, 3, 8, 8]), &Device::flex());
    let rows = |t: Tensor<2>| -> Vec<f32> { t.into_data().try_into_vec().unwrap() };
    let together: Vec<_> = on.draws(images.clone(), 5..120).into_iter().map(rows).collect();
    let alone: Vec<_> = (5..120).map(|draw| rows(on.logits(images.clone(), draw))).collect();
    assert_eq!(together, alone);
    assert_ne!(alone[0], alone[1]);
}

#[test]
fn a_substitute_learns_the_answers_and_its_images_transfer() {
    let bench = bench_of(Architecture::Mlp);
    let target = bench.target();
    let numbers = Substitute { starting: 12, rounds: 3, most: 80, epochs: 30, ..Substitute::default() };
    let ids: Vec<u32> = (12..24).collect();
    let imitation = numbers.imitate(&target, (&bench.images, &ids), 1, &Device::flex());
    // 12 points, twice that, again, and up to the most.
    assert_eq!(imitation.queries, 80);
    assert_eq!(imitation.cost, Cost { forward: 80, backward: 0 });
    let again = numbers.imitate(&target, (&bench.images, &ids), 1, &Device::flex());
    let substitute = NetTarget { net: &imitation.net, spec: &imitation.spec, ..target };
    let agree = agreement(&bench, &substitute);
    assert_eq!(agree, agreement(&bench, &NetTarget { net: &again.net, ..substitute }));
    assert!(agree > 0.8, "agrees on {agree}");
    let suite = suite_of(Norm::Linf, &["substitute"], &[0.2]);
    let with = bench.run(&Suite { substitute: Some(substitute), ..suite.clone() });
    let without = bench.run(&suite);
    assert_eq!(without.outcomes[0].robust, without.outcomes[0].clean);
    let (before, after) = (with.outcomes[0].clean, with.outcomes[0].robust);
    assert!(after < before - 0.2, "{before} before, {after} after");
}

/// Share of the images that both networks give the same class.
fn agreement(bench: &Bench, other: &NetTarget<'_>) -> f64 {
    let ids: Vec<u32> = (0..24).collect();
    let images = bench.images.evaluation(&ids, 0.0, 1).pixels;
    let images = Tensor::<4>::from_data(TensorData::new(images, [24, 3, 8, 8]), &Device::flex());
    let classes = |target: NetTarget<'_>| {
        let on = OnBatch { target, ids: &ids, watch: &() };
        Oracle::new(&on, 1, 1, Estimator::Loss).classes(&images)
    };
    let (own, theirs) = (classes(bench.target()), classes(NetTarget { path: Path::Fused, ..*other }));
    own.iter().zip(&theirs).filter(|(a, b)| a == b).count() as f64 / 24.0
}
