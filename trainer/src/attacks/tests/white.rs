//! White-box attacks against linear classifiers, whose nearest adversarial images are known.

use super::super::ball::dots;
use super::super::oracle::{Target, labels_of};
use super::oracles::{N, Noisy, Plane, distances, near, plane};
use super::*;
use crate::methods::Batch;

const EACH: usize = DIMS[1] * DIMS[2] * DIMS[3];

/// Logits `x W + b`.
struct Linear {
    w: Tensor<2>,
    b: Vec<f32>,
}

impl Linear {
    /// Four classes, `shift` apart from grey.
    fn new(shift: f32) -> Self {
        let w = Tensor::cat([5, 6].map(normal).to_vec(), 1).reshape([6, EACH]).narrow(0, 0, 4).transpose();
        let grey = w.clone().sum_dim(0).mul_scalar(-0.5).into_data().iter::<f32>().collect::<Vec<_>>();
        Self { w, b: grey.iter().enumerate().map(|(k, g)| g - shift * k as f32).collect() }
    }

    /// The gradient of `z_k - z_y`, and its Euclidean and absolute lengths.
    fn edge(&self, k: usize, y: usize) -> (Vec<f32>, [f32; 2]) {
        let column = |k: usize| self.w.clone().slice([0..EACH, k..k + 1]);
        let w: Vec<f32> = (column(k) - column(y)).into_data().iter::<f32>().collect();
        let lengths = [w.iter().map(|v| v * v).sum::<f32>().sqrt(), w.iter().map(|v| v.abs()).sum()];
        (w, lengths)
    }

    /// The distance of every image to the nearest boundary, in L2 and L-infinity.
    fn distances(&self, images: &Tensor<4>, labels: &[i32]) -> [Vec<f32>; 2] {
        let z: Vec<f32> = self.logits(images.clone(), 0).into_data().iter::<f32>().collect();
        [0, 1].map(|norm| {
            let one = |(i, y): (usize, &i32)| {
                let y = *y as usize;
                let to = |k: usize| (z[4 * i + y] - z[4 * i + k]) / self.edge(k, y).1[norm];
                (0..4).filter(|k| *k != y).map(to).fold(f32::INFINITY, f32::min)
            };
            labels.iter().enumerate().map(one).collect()
        })
    }
}

impl Target for Linear {
    fn logits(&self, images: Tensor<4>, _: u64) -> Tensor<2> {
        let n = images.dims()[0];
        let watched = images.is_autodiff();
        let place = |t: Tensor<2>| if watched { t.autodiff() } else { t };
        let b = Tensor::<2>::from_data(TensorData::new(self.b.clone(), [1, 4]), &Device::flex());
        images.reshape([n, EACH]).matmul(place(self.w.clone())) + place(b)
    }
}

const FAB: Fab =
    Fab { norm: Norm::L2, steps: 30, restarts: 1, targets: 0, bias: 0.1, reach: 1.05, back: 0.9 };

const LBFGS: Lbfgs = Lbfgs { targets: 1, searches: 12, weight: 1e-2, steps: 60, memory: 10 };

fn carlini_max() -> CarliniMax {
    let inner = Carlini {
        goal: Goal::F6,
        inside: Inside::Tanh,
        kappa: 0.0,
        steps: 300,
        rate: 2e-4,
        searches: 40,
        weight: 1e-4,
    };
    CarliniMax { inner, most: 1.0, shrink: 0.9 }
}

fn an_pgd(norm: Norm) -> AnPgd {
    let pgd = Pgd { norm, epsilon: 1.0, step: 0.25, steps: 20, start: Start::Uniform };
    AnPgd { pgd, most: 4.0, halvings: 12 }
}

#[test]
fn minimum_norm_attacks_reach_the_plane() {
    let (plane, batch, labels) = plane();
    let [l2, linf] = distances(&plane, &batch);
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    for (norm, truth) in [(Norm::L2, &l2), (Norm::Linf, &linf)] {
        for targets in [0, 9] {
            let fab = Fab { norm, targets, ..FAB };
            near(&fab.run(&oracle, &batch, &labels, 0.1), truth, 0.002, &format!("FAB {targets} {norm}"));
        }
    }
    near(&LBFGS.run(&oracle, &batch.images, &labels), &l2, 0.02, "L-BFGS");
    let max = carlini_max().run(&oracle, &batch.images, &labels);
    near(&max, &linf, 0.02, "Carlini and Wagner, L-infinity");
}

#[test]
fn fab_agrees_with_deepfool_among_four_classes() {
    let linear = Linear::new(0.5);
    let (_, batch, _) = plane();
    let oracle = Oracle::new(&linear, 1, 1, Estimator::Loss);
    let labels = oracle.classes(&batch.images);
    let [l2, linf] = linear.distances(&batch.images, &labels);
    for (norm, truth) in [(Norm::L2, &l2), (Norm::Linf, &linf)] {
        let deepfool = DeepFool { norm, steps: 20, overshoot: 1e-3, candidates: 10 };
        let other = deepfool.run(&oracle, &batch.images, &labels);
        near(&other, truth, 0.005, "DeepFool");
        for targets in [0, 9] {
            let fab = Fab { norm, targets, ..FAB };
            let found = fab.run(&oracle, &batch, &labels, 0.1);
            near(&found, truth, 0.002, "FAB");
            for (a, b) in found.distances.iter().zip(&other.distances) {
                assert!((a / b - 1.0).abs() < 0.01, "{a} {b}");
            }
        }
    }
}

/// Where the box cuts the way short, the nearest point is the projection (which has tests of its own).
#[test]
fn the_box_is_kept_and_used() {
    let (plane, mut batch, _) = plane();
    batch.images = normal(7).mul_scalar(0.4).add_scalar(0.5).clamp(0.0, 1.0);
    let plane = Plane { b: plane.b + 0.5, ..plane };
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    let labels = oracle.classes(&batch.images);
    let gaps: Vec<f32> =
        plane.logits(batch.images.clone(), 0).slice([0..N, 1..2]).into_data().iter::<f32>().collect();
    let slope = plane.w.clone().expand(DIMS);
    for norm in [Norm::L2, Norm::Linf] {
        let point = plane::nearest(norm, &batch.images, &slope, &gaps);
        let truth = norms(norm, point - batch.images.clone());
        let free = distances(&plane, &batch)[usize::from(norm == Norm::Linf)].clone();
        assert!(truth.iter().zip(&free).any(|(t, f)| t / f > 1.01), "the box matters: {truth:?} {free:?}");
        near(&Fab { norm, ..FAB }.run(&oracle, &batch, &labels, 0.1), &truth, 0.01, "FAB");
        if norm == Norm::L2 {
            let found = LBFGS.run(&oracle, &batch.images, &labels);
            near(&found, &truth, 0.02, "L-BFGS");
            assert!(floats(found.images).iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }
}

/// All pairs of values of the first image, by the saliency of `rise` and `fall`.
fn best_pair(rise: &[f32], fall: &[f32]) -> Vec<usize> {
    let score = |p: usize, q: usize| {
        let (a, b) = (rise[p] + rise[q], fall[p] + fall[q]);
        if a > 0.0 && b > 0.0 { a * b } else { 0.0 }
    };
    let pairs = (0..EACH).flat_map(|p| (p + 1..EACH).map(move |q| [p, q]));
    pairs.max_by(|a, b| score(a[0], a[1]).total_cmp(&score(b[0], b[1]))).unwrap().to_vec()
}

#[test]
fn jsma_takes_the_most_salient_pair() {
    let linear = Linear::new(0.05);
    let oracle = Oracle::new(&linear, 1, 1, Estimator::Loss);
    let images = Tensor::<4>::full(DIMS, 0.5, &Device::flex());
    let labels = oracle.classes(&images);
    assert_eq!(labels, [0; N], "on grey the shift decides");
    let w: Vec<Vec<f32>> =
        (0..4).map(|k| linear.w.clone().slice([0..EACH, k..k + 1]).into_data().iter().collect()).collect();
    for (theta, of) in [1.0, -1.0].into_iter().flat_map(|t| [(t, Saliency::Z), (t, Saliency::F)]) {
        let (share, epsilon) = (2.0 / EACH as f64, 0.3);
        let found = Jsma { of, theta, share, targets: 1 }.run(&oracle, &images, &labels, epsilon);
        assert_eq!(found.success(), [true; N]);
        let way = theta as f32;
        let rise: Vec<f32> = match of {
            Saliency::Z => w[1].iter().map(|v| way * v).collect(),
            Saliency::F => {
                let p: Vec<f32> = [0, 1, 2, 3].map(|k| (-0.05 * k as f32).exp()).to_vec();
                let mean = |i: usize| (0..4).map(|k| p[k] * w[k][i]).sum::<f32>() / p.iter().sum::<f32>();
                (0..EACH).map(|i| way * (w[1][i] - mean(i))).collect()
            }
        };
        let others = |i: usize| -way * (w[0][i] + w[2][i] + w[3][i]);
        let fall: Vec<f32> = if of == Saliency::Z { (0..EACH).map(others).collect() } else { rise.clone() };
        let moved = floats(found.images - images.clone());
        let changed: Vec<usize> = (0..EACH).filter(|i| moved[*i] != 0.0).collect();
        assert_eq!(changed, best_pair(&rise, &fall), "{of:?} {theta}");
        assert!(changed.iter().all(|i| (moved[*i] - 0.3 * way).abs() < 1e-6));
    }
}

/// To cross the plane with fewest pixels, those are taken whose values add most from where they are to their ends.
#[test]
fn carlini_l0_needs_few_pixels() {
    let (plane, batch, _) = plane();
    let plane = Plane { b: plane.b + 3.6, ..plane };
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    let labels = oracle.classes(&batch.images);
    assert_eq!(labels, [1; N]);
    let score = floats(dots(batch.images.clone(), plane.w.clone().expand(DIMS)).add_scalar(plane.b));
    let positive = plane.w.clone().greater_elem(0.0).float().expand(DIMS);
    let gain = (plane.w.clone() * (batch.images.clone() - (positive.neg().add_scalar(1.0)))).abs().sum_dim(1);
    let gain = floats(gain);
    let least = |i: usize| {
        let mut gains = gain[20 * i..20 * (i + 1)].to_vec();
        gains.sort_by(|a, b| b.total_cmp(a));
        let mut sum = 0.0;
        gains
            .iter()
            .take_while(|g| {
                let more = sum <= score[i];
                sum += **g;
                more
            })
            .count() as u32
    };
    let inner = Carlini {
        goal: Goal::F6,
        inside: Inside::Projected,
        kappa: 0.0,
        steps: 200,
        rate: 0.02,
        searches: 5,
        weight: 0.1,
    };
    let found = CarliniZero { inner, share: 0.3 }.run(&oracle, &batch.images, &labels);
    assert_eq!(found.success(), [true; N]);
    let counts = pixels(found.images - batch.images.clone());
    let truth: Vec<u32> = (0..N).map(least).collect();
    assert!(truth.iter().all(|t| (2..15).contains(t)), "{truth:?}");
    assert!(counts.iter().zip(&truth).all(|(c, t)| c >= t && *c <= t + 1), "{counts:?}, least {truth:?}");
}

#[test]
fn an_adaptive_norm_ends_at_the_boundary() {
    let (plane, batch, labels) = plane();
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    for (norm, truth) in [Norm::L2, Norm::Linf].into_iter().zip(distances(&plane, &batch)) {
        let least = truth.iter().copied().fold(f32::INFINITY, f32::min);
        let most = truth.iter().copied().fold(0.0, f32::max);
        // From beyond the boundary inwards, and from within outwards.
        for epsilon in [1.5 * most, 0.95 * least] {
            near(&an_pgd(norm).run(&oracle, &batch, &labels, f64::from(epsilon)), &truth, 0.01, "AN-PGD");
        }
        let short = AnPgd { most: 1.0, ..an_pgd(norm) };
        assert_eq!(short.run(&oracle, &batch, &labels, 0.99 * f64::from(least)).success(), [false; N]);
    }
}

#[test]
fn stationarity_is_what_a_linear_function_could_still_gain() {
    let slope = normal(4);
    for norm in [Norm::L2, Norm::Linf] {
        let ball = Ball { norm, epsilon: 0.1 };
        let best = ball.steepest(slope.clone()).mul_scalar(0.1);
        let dual = floats(ball.dual(&slope));
        for share in [-1.0f32, 0.0, 0.25, 1.0] {
            let left = stationarity(&ball, best.clone().mul_scalar(share), &slope);
            for (left, dual) in left.iter().zip(&dual) {
                assert!((left - 0.1 * dual * (1.0 - share)).abs() < 1e-4, "{norm} {share}: {left}");
            }
        }
    }
}

#[test]
fn stationary_images_stop_one_by_one() {
    let (plane, batch, labels) = plane();
    for (norm, truth) in [Norm::L2, Norm::Linf].into_iter().zip(distances(&plane, &batch)) {
        let epsilon = f64::from(truth.iter().copied().fold(0.0, f32::max)) * 1.01;
        let pgd = Pgd { norm, epsilon: 1.0, step: 0.25, steps: 30, start: Start::Uniform };
        let run = |threshold: f64, batch: &Batch, labels: &[i32]| {
            let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
            let x = FoscPgd { pgd, threshold, restarts: 1 }.climb(&oracle, batch, labels, (0, epsilon));
            (x, oracle.cost().backward)
        };
        let (first, passes) = run(1e3, &batch, &labels);
        assert_eq!(passes, N as u64, "one look is enough");
        let start = batch.images.clone() + batch.random_in(&Ball { norm, epsilon }, 0);
        assert!(largest(first - start) < 1e-6);
        let threshold = 0.02 * epsilon;
        let (x, passes) = run(threshold, &batch, &labels);
        assert!(passes < 30 * N as u64, "{norm}: {passes}");
        let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
        assert_eq!(oracle.fooled(&x, &labels), [true; N], "{norm}");
        for (i, one) in batch.shares(N).iter().enumerate() {
            let alone = run(threshold, one, &labels[i..=i]).0;
            assert_eq!(floats(alone), floats(x.clone())[i * EACH..][..EACH]);
        }
    }
}

/// Every attack here gives each image the same in any batch, and stays in the ball where it says so.
#[test]
fn results_belong_to_the_image() {
    let (plane, batch, labels) = plane();
    let [_, linf] = distances(&plane, &batch);
    let epsilon = 1.05 * f64::from(linf.iter().copied().fold(0.0, f32::max));
    let oracle = Oracle::new(&plane, 1, 1, Estimator::Loss);
    let pgd = Pgd { norm: Norm::Linf, epsilon: 1.0, step: 0.25, steps: 10, start: Start::Uniform };
    let attacks = [
        Attack::Fab(Fab { norm: Norm::Linf, restarts: 3, steps: 5, ..FAB }),
        Attack::Lbfgs(LBFGS),
        Attack::Jsma(Jsma { of: Saliency::F, theta: 0.5, share: 1.0, targets: 1 }),
        Attack::CarliniMax(CarliniMax {
            inner: Carlini { steps: 60, rate: 1e-3, ..carlini_max().inner },
            ..carlini_max()
        }),
        Attack::AnPgd(an_pgd(Norm::Linf)),
        Attack::FoscPgd(FoscPgd { pgd, threshold: 0.01, restarts: 2 }),
    ];
    for attack in attacks {
        let (x, found) = attack.run(&oracle, &batch, &labels, epsilon);
        assert!(floats(x.clone()).iter().all(|v| (0.0..=1.0).contains(v)), "{attack:?}");
        if !matches!(attack, Attack::Lbfgs(_) | Attack::Jsma(_)) {
            assert_eq!(found, [true; N], "{attack:?}");
            let at = norms(Norm::Linf, x.clone() - batch.images.clone());
            assert!(at.iter().all(|a| f64::from(*a) <= epsilon * 1.00001), "{attack:?}: {at:?} {epsilon}");
        }
        for (i, one) in batch.shares(N).iter().enumerate() {
            let (alone, _) = attack.run(&oracle, one, &labels[i..=i], epsilon);
            let difference = alone - x.clone().narrow(0, i, 1);
            assert_eq!(largest(difference), 0.0, "{attack:?}");
        }
    }
}

#[test]
fn rewound_draws_come_again() {
    let (plane, batch, labels) = plane();
    let noisy = Noisy(plane);
    let oracle = Oracle::new(&noisy, 4, 5, Estimator::Logits);
    let y = labels_of(&labels, &batch.images);
    let losses = || oracle.losses(&batch.images, &|z| Loss::Margin.of(z, &y));
    let (start, first) = (oracle.drawn(), losses());
    assert_ne!(losses(), first);
    oracle.rewind(start);
    assert_eq!(losses(), first);
    // Against noise of its own size the nearest image is not exact, but it is found.
    let found = LBFGS.run(&oracle, &batch.images, &labels);
    assert_eq!(found.success(), [true; N]);
}

#[test]
fn attacks_on_smoothed_classifiers_bring_their_estimator() {
    let of = |name, norm| {
        let planned = attack(name, norm).unwrap().planned(norm);
        (planned.estimator, planned.draws)
    };
    assert_eq!(of("epgd", Norm::Linf), (Some(Estimator::Loss), Some(8)));
    assert_eq!(of("smoothadv-pgd", Norm::L2), (Some(Estimator::Probability), Some(32)));
    assert_eq!(of("smoothadv-ddn", Norm::L2), (Some(Estimator::Probability), Some(32)));
    assert_eq!(of("pgd-20", Norm::Linf), (None, None));
}
