//! Attacks without gradients, against the same closed forms; and what they ask.

use super::super::best::Best;
use super::super::decisions::first_fooling;
use super::super::oracle::{Target, labels_of};
use super::oracles::{N, Noisy, Steps, distances, near, plane};
use super::*;
use crate::methods::Batch;

const NES: Nes = Nes {
    norm: Norm::L2,
    probe: Probe::Normal,
    loss: Loss::Margin,
    pairs: 50,
    reach: 0.1,
    steps: 40,
    step: 0.1,
};
const NATTACK: Nattack = Nattack { population: 100, sigma: 0.1, rate: 0.02, steps: 40 };
const SAMPLING: Sampling = Sampling { norm: Norm::L2, spread: Spread::Edge, draws: 400 };
const ZOO: Zoo = Zoo { coordinates: 2, reach: 1e-3, steps: 1500, rate: 1e-3, searches: 4, weight: 0.05 };
const SQUARE: SquareL2 = SquareL2 { queries: 1000, share: 0.5 };
const BOUNDARY: Boundary = Boundary { steps: 2000, around: 0.05, towards: 0.05, tries: 50 };
const JUMP: HopSkipJump = HopSkipJump { norm: Norm::L2, steps: 30, probes: 60, most: 400, tries: 50 };

fn oracle(target: &dyn Target) -> Oracle<'_> {
    Oracle::new(target, 1, 1, Estimator::Loss)
}

fn most(of: &[f32]) -> f64 {
    f64::from(of.iter().copied().fold(0.0, f32::max))
}

#[test]
fn zoo_reaches_the_plane() {
    let (plane, batch, labels) = plane();
    let [l2, _] = distances(&plane, &batch);
    near(&ZOO.run(&oracle(&plane), &batch, &labels), &l2, 0.02, "ZOO");
}

#[test]
fn decisions_reach_the_plane() {
    let (plane, batch, labels) = plane();
    let [l2, linf] = distances(&plane, &batch);
    let oracle = oracle(&plane);
    near(&BOUNDARY.run(&oracle, &batch, &labels), &l2, 0.01, "boundary");
    for (norm, truth, tolerance) in [(Norm::L2, &l2, 0.02), (Norm::Linf, &linf, 0.05)] {
        let jump = HopSkipJump { norm, ..JUMP };
        near(&jump.run(&oracle, &batch, &labels), truth, tolerance, "HopSkipJump");
    }
    assert_eq!(oracle.cost().backward, 0);
}

/// Logits 1 and -1: all that is left of the score is its sign.
struct Sign(Steps);

impl Target for Sign {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let z = self.0.0.logits(images, draw);
        let sign = z.clone().slice([0..z.dims()[0], 1..2]).sign();
        Tensor::cat(vec![sign.clone().neg(), sign], 1)
    }
}

/// An attack of a fixed size by its name.
fn fixed(norm: Norm) -> Vec<(&'static str, Attack)> {
    let nes = Nes { norm, ..NES };
    let sampling = Sampling { norm, ..SAMPLING };
    let mut all = vec![
        ("NES", Attack::Nes(nes)),
        ("SPSA", Attack::Nes(Nes { probe: Probe::Signs, ..nes })),
        ("corners", Attack::Sampling(sampling)),
        ("normal", Attack::Sampling(Sampling { spread: Spread::Normal, ..sampling })),
        ("ball", Attack::Sampling(Sampling { spread: Spread::Ball, draws: 2000, ..sampling })),
    ];
    if norm == Norm::Linf {
        all.push(("NAttack", Attack::Nattack(NATTACK)));
    } else {
        all.push(("Square", Attack::SquareL2(SQUARE)));
    }
    all
}

/// Half more than the distance, where a gradient finds the plane, is enough where there is none; and for random draws
/// and squares several times the distance, since few are near its normal.
#[test]
fn attacks_of_fixed_size_work_without_gradients() {
    let (flat, batch, labels) = plane();
    let truth = distances(&flat, &batch);
    let (steps, sign) = (Steps(flat), Sign(Steps(plane().0)));
    for (norm, truth) in [(Norm::L2, &truth[0]), (Norm::Linf, &truth[1])] {
        for (name, attack) in fixed(norm) {
            let far = if matches!(attack, Attack::Sampling(_) | Attack::SquareL2(_)) { 5.0 } else { 1.5 };
            let runs: [(&dyn Target, f64); 2] = [(&steps, far), (&sign, 5.0)];
            for (target, far) in runs {
                let (oracle, epsilon) = (oracle(target), far * most(truth));
                let (x, fooled) = attack.run(&oracle, &batch, &labels, epsilon);
                assert_eq!(fooled, [true; N], "{name} {norm} {far}");
                assert_eq!(oracle.fooled(&x, &labels), fooled, "{name} {norm}");
                let at = norms(norm, x.clone() - batch.images.clone());
                assert!(at.iter().all(|a| f64::from(*a) <= epsilon * 1.00001), "{name} {norm}: {at:?}");
                assert!(floats(x).iter().all(|v| (0.0..=1.0).contains(v)), "{name} {norm}");
                assert_eq!(oracle.cost().backward, 0);
            }
        }
        let epsilon = 1.5 * most(truth);
        let pgd = Pgd { norm, epsilon, step: epsilon / 4.0, steps: 10, start: Start::Image };
        let gradient = Ascent { pgd, loss: Loss::Margin, aim: Aim::Away, restarts: 1 };
        let found = |target: &dyn Target| gradient.run(&oracle(target), &batch, &labels, epsilon).1;
        assert_eq!(found(&steps.0), [true; N]);
        assert_eq!(found(&steps), [false; N], "gradients are zero");
    }
}

#[test]
fn estimated_gradients_point_along_the_true_one() {
    let (plane, batch, labels) = plane();
    let oracle = oracle(&plane);
    let y = labels_of(&labels, &batch.images);
    let (_, truth) = oracle.gradient(&batch.images, &|z| margin(z, &y));
    let cosine = |a: Tensor<4>| {
        let (a, b) = (floats(a / 1e3), floats(truth.clone()));
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    };
    for probe in [Probe::Normal, Probe::Signs] {
        let nes = Nes { probe, pairs: 150, reach: 0.01, ..NES };
        let slope = nes.slope(&oracle, &batch, &batch.images, 0, &|z| margin(z, &y));
        assert!(cosine(slope.clone()) > 0.8, "{probe:?}: {}", cosine(slope));
    }
    let nattack = Nattack { population: 300, ..NATTACK };
    let mut best = Best::new(&oracle, &labels, &batch.images);
    let mean = Inside::Tanh.variable(&batch.images);
    // So near that none fools: rewards above 0 are cut.
    let narrow = Nattack { sigma: 1e-3, ..nattack };
    let ball = Ball { norm: Norm::Linf, epsilon: 0.1 };
    let shift = narrow.shift(&batch, &ball, &mean, 0, &mut best);
    assert!(cosine(shift.clone()) > 0.8, "NAttack: {}", cosine(shift));
}

/// Where nothing is found the budget is used up, and no more.
#[test]
fn what_is_asked_is_what_is_documented() {
    let (plane, batch, labels) = plane();
    let n = N as u64;
    let asked = |attack: Attack| {
        let oracle = oracle(&plane);
        let (_, fooled) = attack.run(&oracle, &batch, &labels, 1e-4);
        assert_eq!(fooled, [false; N], "{attack:?}");
        assert_eq!(oracle.cost().backward, 0);
        assert_eq!(oracle.cost().forward % n, 0);
        oracle.cost().forward / n
    };
    assert_eq!(asked(Attack::Nes(Nes { steps: 3, ..NES })), 1 + 3 * (2 * 50 + 1));
    assert_eq!(asked(Attack::Nattack(Nattack { steps: 3, ..NATTACK })), 1 + 3 * 100);
    assert_eq!(asked(Attack::Sampling(SAMPLING)), 1 + 400);
    assert_eq!(asked(Attack::SquareL2(SQUARE)), 1000);
    let zoo = Zoo { coordinates: 7, steps: 5, searches: 2, ..ZOO };
    assert_eq!(asked(Attack::Zoo(zoo)), 1 + 2 * 5 * (2 * 7 + 1));
    let start = {
        let oracle = oracle(&plane);
        let (_, started) = first_fooling(&oracle, &batch, &labels, 50);
        assert_eq!(started, [true; N]);
        oracle.cost().forward / n
    };
    assert!((2..=51).contains(&start));
    assert_eq!(asked(Attack::Boundary(Boundary { steps: 9, ..BOUNDARY })), start + 10 + 2 * 9);
    // 40 values: 1.5 log2 40 = 7.98 and 2 log2 40 = 10.6, rounded up, and 2. On a plane the first length of a jump fools.
    for (norm, halvings) in [(Norm::L2, 10), (Norm::Linf, 13)] {
        let jump = HopSkipJump { norm, steps: 4, probes: 100, most: 170, ..JUMP };
        let probes = 100 + 141 + 170 + 170;
        let expected = start + halvings + probes + 4 * (halvings + 1);
        assert_eq!(asked(Attack::HopSkipJump(jump)), expected, "{norm}");
    }
}

/// One class for everything.
struct Constant;

impl Target for Constant {
    fn logits(&self, images: Tensor<4>, _: u64) -> Tensor<2> {
        Tensor::zeros([images.dims()[0], 2], &images.device())
    }
}

#[test]
fn starts_are_bounded_and_never_left_for_worse() {
    let (plane, batch, labels) = plane();
    let zeros = [0; N];
    for attack in [
        Attack::Boundary(Boundary { steps: 5, ..BOUNDARY }),
        Attack::HopSkipJump(HopSkipJump { steps: 3, ..JUMP }),
    ] {
        let (x, fooled) = attack.run(&oracle(&Constant), &batch, &zeros, 10.0);
        assert_eq!(fooled, [false; N]);
        assert_eq!(floats(x), floats(batch.images.clone()), "nothing found, nothing moved");
        let wrong: Vec<i32> = labels.iter().map(|l| 1 - l).collect();
        let (x, fooled) = attack.run(&oracle(&plane), &batch, &wrong, 0.0);
        assert_eq!(fooled, [true; N]);
        assert_eq!(floats(x), floats(batch.images.clone()), "wrong as they are");
    }
    let constant = oracle(&Constant);
    let (_, started) = first_fooling(&constant, &batch, &zeros, 17);
    assert_eq!((started, constant.cost().forward), (vec![false; N], 18 * N as u64));
    let falls = |run: &dyn Fn(u32) -> Found| {
        let lengths: Vec<Vec<f32>> = [0, 1, 4, 16].map(|steps| run(steps).distances).to_vec();
        for pair in lengths.windows(2) {
            assert!(pair[0].iter().zip(&pair[1]).all(|(before, after)| after <= before), "{lengths:?}");
        }
    };
    falls(&|steps| Boundary { steps, ..BOUNDARY }.run(&oracle(&plane), &batch, &labels));
    falls(&|steps| HopSkipJump { steps, ..JUMP }.run(&oracle(&plane), &batch, &labels));
}

/// The same images in the other order.
fn reversed(batch: &Batch) -> Batch {
    let ids = batch.ids.iter().rev().copied().collect();
    Batch { images: batch.images.clone().flip([0]), ids, ..batch.clone() }
}

#[test]
fn results_belong_to_the_image() {
    let (plane, batch, labels) = plane();
    let [l2, linf] = distances(&plane, &batch);
    let back: Vec<i32> = labels.iter().rev().copied().collect();
    let each = DIMS[1] * DIMS[2] * DIMS[3];
    for (norm, epsilon) in [(Norm::L2, 1.2 * most(&l2)), (Norm::Linf, 1.2 * most(&linf))] {
        let mut all = fixed(norm);
        all.push(("HopSkipJump", Attack::HopSkipJump(HopSkipJump { norm, steps: 3, ..JUMP })));
        if norm == Norm::L2 {
            all.push(("boundary", Attack::Boundary(Boundary { steps: 100, ..BOUNDARY })));
            all.push(("ZOO", Attack::Zoo(Zoo { steps: 100, searches: 2, ..ZOO })));
        }
        for (name, attack) in all {
            let run = |b: &Batch, l: &[i32]| floats(attack.run(&oracle(&plane), b, l, epsilon).0);
            let whole = run(&batch, &labels);
            assert_eq!(whole, run(&batch, &labels), "{name}: again");
            let turned = run(&reversed(&batch), &back);
            for (i, one) in batch.shares(N).iter().enumerate() {
                assert_eq!(run(one, &labels[i..=i]), whole[i * each..][..each], "{name}: alone");
                assert_eq!(turned[(N - 1 - i) * each..][..each], whole[i * each..][..each], "{name}: order");
            }
        }
    }
}

#[test]
fn differences_are_taken_under_the_same_draws() {
    let (flat, batch, labels) = plane();
    let y = labels_of(&labels, &batch.images);
    let noisy = Noisy(plane().0);
    let rises = |target: &dyn Target, draws| {
        let oracle = Oracle::new(target, draws, 1, Estimator::Loss);
        oracle.skip(5);
        let up = batch.images.clone() + normal(2).mul_scalar(1e-2);
        let rises = oracle.rises(&up, &batch.images, &|z| margin(z, &y));
        (rises, oracle.cost().forward)
    };
    let (truth, _) = rises(&flat, 1);
    for draws in [1, 4] {
        let (found, cost) = rises(&noisy, draws);
        assert!(truth.iter().zip(&found).all(|(t, f)| (t - f).abs() < 1e-5), "{truth:?} {found:?}");
        assert_eq!(cost, 2 * u64::from(draws) * N as u64);
    }
}
