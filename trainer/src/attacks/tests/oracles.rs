//! Attacks against classifiers whose nearest adversarial images are known.

use super::super::oracle::{Target, labels_of};
use super::*;
use crate::methods::Batch;
use burn::tensor::{Bool, Int};

/// Two classes, logits 0 and `w x + b`: the boundary is a plane, at distance `|w x + b|` over the dual norm of w.
pub(super) struct Plane {
    pub(super) w: Tensor<4>,
    pub(super) b: f64,
}

impl Target for Plane {
    fn logits(&self, images: Tensor<4>, _: u64) -> Tensor<2> {
        let [n, c, h, w] = images.dims();
        let slope = if images.is_autodiff() { self.w.clone().autodiff() } else { self.w.clone() };
        let score = (images * slope).reshape([n, c * h * w]).sum_dim(1).add_scalar(self.b);
        Tensor::cat(vec![score.zeros_like(), score], 1)
    }
}

pub(super) const N: usize = 3;

/// Images near grey, so that no value meets the box, and a plane that is not far.
pub(super) fn plane() -> (Plane, Batch, Vec<i32>) {
    let images = normal(1).mul_scalar(0.02).add_scalar(0.5);
    let w = normal(2).slice([0..1, 0..DIMS[1]]);
    let plane = Plane { b: -f64::from((w.clone().mul_scalar(0.5)).sum().into_scalar::<f32>()) + 0.4, w };
    let batch = Batch {
        labels: Tensor::<1, Int>::zeros([N], &images.device()),
        images,
        ids: vec![4, 7, 1],
        epoch: 0,
        progress: 0.0,
        seed: 3,
        sigma: 0.0,
        objects: None,
    };
    let labels = Oracle::new(&plane, 1, 1, Estimator::Loss).classes(&batch.images);
    (plane, batch, labels)
}

/// The true distances in L2 and L-infinity.
pub(super) fn distances(plane: &Plane, batch: &Batch) -> [Vec<f32>; 2] {
    let score = plane.logits(batch.images.clone(), 0).slice([0..N, 1..2]).reshape([N]).abs();
    let l2 = plane.w.clone().square().sum().sqrt();
    let l1 = plane.w.clone().abs().sum();
    [l2, l1].map(|dual| (score.clone() / dual).into_data().iter::<f32>().collect())
}

pub(super) fn near(found: &Found, truth: &[f32], tolerance: f32, who: &str) {
    for (d, t) in found.distances.iter().zip(truth) {
        assert!(
            *d >= t * 0.999 && *d <= t * (1.0 + tolerance),
            "{who}: {:?}, true {truth:?}",
            found.distances
        );
    }
}

#[test]
fn minimum_norm_attacks_reach_the_plane() {
    let (plane, batch, labels) = plane();
    let [l2, linf] = distances(&plane, &batch);
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    for (norm, truth) in [(Norm::L2, &l2), (Norm::Linf, &linf)] {
        let deepfool = DeepFool { norm, steps: 20, overshoot: 1e-3, candidates: 10 };
        near(&deepfool.run(&oracle, &batch.images, &labels), truth, 0.01, "DeepFool");
        let fmn = Fmn { norm, steps: 200, step: 1.0, gamma: 0.05 };
        near(&fmn.run(&oracle, &batch.images, &labels), truth, 0.02, "FMN");
    }
    let ddn = Ddn { steps: 300, gamma: 0.05, start: 1.0 };
    near(&ddn.run(&oracle, &batch.images, &labels), &l2, 0.02, "DDN");
    for inside in [Inside::Tanh, Inside::Clipped, Inside::Projected] {
        let carlini =
            Carlini { goal: Goal::F6, inside, kappa: 0.0, steps: 400, rate: 1e-3, searches: 9, weight: 1e-2 };
        near(&carlini.run(&oracle, &batch.images, &labels), &l2, 0.02, "Carlini and Wagner");
    }
}

#[test]
fn every_goal_of_carlini_and_wagner_finds_something_near() {
    let (plane, batch, labels) = plane();
    let [l2, _] = distances(&plane, &batch);
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    for goal in [Goal::F1, Goal::F2, Goal::F3, Goal::F4, Goal::F5, Goal::F7] {
        let attack = Carlini {
            goal,
            inside: Inside::Tanh,
            kappa: 0.0,
            steps: 200,
            rate: 0.01,
            searches: 9,
            weight: 1e-3,
        };
        near(&attack.run(&oracle, &batch.images, &labels), &l2, 0.3, &format!("{goal:?}"));
    }
}

/// An attack at a size.
type Run<'a> = &'a dyn Fn(f64) -> (Tensor<4>, Vec<bool>);

/// A ball that just reaches the plane is enough, one that just does not is not.
#[test]
fn attacks_of_fixed_size_need_the_true_distance() {
    let (plane, batch, labels) = plane();
    let [l2, linf] = distances(&plane, &batch);
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    for (norm, truth) in [(Norm::L2, l2), (Norm::Linf, linf)] {
        let (least, most) =
            (truth.iter().copied().fold(f32::INFINITY, f32::min), truth.iter().copied().fold(0.0, f32::max));
        let pgd = |steps, step, start| Pgd { norm, epsilon: 1.0, step, steps, start };
        let fgsm =
            Ascent { pgd: pgd(1, 1.0, Start::Image), loss: Loss::CrossEntropy, aim: Aim::Away, restarts: 1 };
        let long = Ascent { pgd: pgd(40, 0.1, Start::Uniform), loss: Loss::Margin, ..fgsm };
        let each = Ascent { aim: Aim::EachClass, ..long };
        let apgd = Apgd { norm, steps: 50, restarts: 1, loss: Loss::LogitRatio, targets: 0 };
        let targeted = Apgd { targets: 9, ..apgd };
        let runs: [(&str, Run); 5] = [
            ("FGSM", &|e| fgsm.run(&oracle, &batch, &labels, e)),
            ("PGD", &|e| long.run(&oracle, &batch, &labels, e)),
            ("MultiTargeted", &|e| each.run(&oracle, &batch, &labels, e)),
            ("APGD", &|e| apgd.run(&oracle, &batch, &labels, e)),
            ("APGD-T", &|e| targeted.run(&oracle, &batch, &labels, e)),
        ];
        for (name, run) in runs {
            let (x, fooled) = run(f64::from(most) * 1.002);
            assert_eq!(fooled, [true; N], "{name} {norm}");
            let at = norms(norm, x - batch.images.clone());
            assert!(at.iter().all(|a| *a <= most * 1.0021), "{name} {norm}: {at:?} {most}");
            assert_eq!(run(f64::from(least) * 0.998).1, [false; N], "{name} {norm}");
        }
    }
}

/// Logits without a gradient: only the score-based attack moves them.
pub(super) struct Steps(pub(super) Plane);

impl Target for Steps {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let device = images.device();
        let z = self.0.logits(images.inner(), draw);
        let z = z.mul_scalar(8.0).round().div_scalar(8.0);
        if device.is_autodiff() { z.autodiff() } else { z }
    }
}

#[test]
fn squares_work_without_gradients() {
    let (plane, batch, labels) = plane();
    let [_, linf] = distances(&plane, &batch);
    let epsilon = 3.0 * f64::from(linf.iter().copied().fold(0.0, f32::max));
    let steps = Steps(plane);
    let oracle = Oracle::new(&steps, 1, 1, Estimator::Loss);
    let (x, fooled) = Square { queries: 500, share: 0.8 }.run(&oracle, &batch, &labels, epsilon);
    assert_eq!(fooled, [true; N]);
    assert!(norms(Norm::Linf, x - batch.images.clone()).iter().all(|a| f64::from(*a) <= epsilon * 1.00001));
    assert_eq!(oracle.cost().backward, 0);
    let pgd = Pgd { norm: Norm::Linf, epsilon, step: epsilon / 4.0, steps: 10, start: Start::Image };
    let blind = Ascent { pgd, loss: Loss::Margin, aim: Aim::Away, restarts: 1 };
    assert_eq!(blind.run(&oracle, &batch, &labels, epsilon).1, [false; N], "gradients are zero");
}

/// A draw adds a normal number to the second logit.
pub(super) struct Noisy(pub(super) Plane);

impl Target for Noisy {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let z = self.0.logits(images, 0);
        let shift = 0.3 * Normals::new(stream(9, Stream::Layer { draw, layer: 0 })).draw();
        let [n, _] = z.dims();
        let zero = z.clone().slice([0..n, 0..1]);
        Tensor::cat(vec![zero, z.slice([0..n, 1..2]).add_scalar(shift)], 1)
    }

    fn is_random(&self) -> bool {
        true
    }
}

#[test]
fn estimators_average_draws_and_decisions_are_votes() {
    let (plane, batch, labels) = plane();
    let noisy = Noisy(plane);
    let y = labels_of(&labels, &batch.images);
    let slope = |draws, estimator| {
        let oracle = Oracle::new(&noisy, draws, 1, estimator);
        let (_, g) = oracle.gradient(&batch.images, &|z| Loss::CrossEntropy.of(z, &y));
        (floats(g), oracle.cost())
    };
    let spread = |draws| {
        let many: Vec<f32> = (0..20)
            .map(|i| {
                let oracle = Oracle::new(&noisy, draws, 1, Estimator::Loss);
                (0..i * draws).for_each(|_| drop(oracle.classes(&batch.images)));
                floats(oracle.gradient(&batch.images, &|z| Loss::CrossEntropy.of(z, &y)).1)[0]
            })
            .collect();
        let mean = many.iter().sum::<f32>() / 20.0;
        many.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 20.0
    };
    assert!(spread(16) < spread(1) / 4.0, "the variance falls with the draws: {} {}", spread(1), spread(16));
    for estimator in [Estimator::Loss, Estimator::Probability, Estimator::Logits] {
        let (g, cost) = slope(8, estimator);
        assert_eq!((cost.forward, cost.backward), (8 * N as u64, 8 * N as u64));
        assert!(g.iter().any(|v| v.abs() > 0.0), "{estimator:?}");
    }
    let oracle = Oracle::new(&noisy, 1, 101, Estimator::Loss);
    assert_eq!(oracle.classes(&batch.images), labels, "the noise is small against the votes");
    assert_eq!(oracle.cost().forward, 101 * N as u64);
}

/// Neither the order of images nor their batch changes what is found.
#[test]
fn results_belong_to_the_image() {
    let (plane, batch, labels) = plane();
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    let epsilon = 0.02;
    let attack = |b: &Batch, l: &[i32]| {
        let pgd = Pgd { norm: Norm::L2, epsilon, step: 0.005, steps: 5, start: Start::Uniform };
        let ascent = Ascent { pgd, loss: Loss::Margin, aim: Aim::Away, restarts: 1 };
        let (x, _) = Square { queries: 40, share: 0.5 }.run(&oracle, b, l, epsilon);
        (floats(ascent.run(&oracle, b, l, epsilon).0), floats(x))
    };
    let all = attack(&batch, &labels);
    let each = DIMS[1] * DIMS[2] * DIMS[3];
    for (i, one) in batch.shares(N).iter().enumerate() {
        let (pgd, square) = attack(one, &labels[i..=i]);
        assert_eq!(pgd, all.0[i * each..][..each]);
        assert_eq!(square, all.1[i * each..][..each]);
    }
    let mask: Tensor<4, Bool> = batch.images.clone().greater_elem(2.0);
    assert!(!mask.any().into_scalar::<bool>(), "the fixture stays in its range");
}
