//! Box-constrained L-BFGS (Szegedy et al. 2014, arXiv:1312.6199, section 4.1): the nearest image, in L2, that is given a
//! class; `||x' - x||^2 + c CE(x', t)` is minimised within the box, for the smallest c that succeeds.

use super::ball::{Ball, Norm, dots};
use super::found::Found;
use super::oracle::{Oracle, each, labels_of, pick, values};
use crate::methods::loss::cross_entropy;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// Share of the linear decrease that a step must reach (Armijo).
const DECREASE: f32 = 1e-4;
/// Lengths tried in a line search, each half of the one before.
const TRIALS: u32 = 12;
/// An image rests once a step lowers its value by less than this share.
const REST: f32 = 1e-7;

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Lbfgs {
    /// How many of the other classes, by logit, are aimed at in turn.
    pub targets: usize,
    /// Weights tried: tenfold until the first success, then halving the interval on a logarithmic scale.
    pub searches: u32,
    /// First weight.
    pub weight: f64,
    /// Steps for each weight.
    pub steps: u32,
    /// Pairs of steps and changes of the gradient that are remembered.
    pub memory: usize,
}

/// What is minimised.
struct Problem<'a> {
    oracle: &'a Oracle<'a>,
    images: &'a Tensor<4>,
    target: Tensor<1, Int>,
    weight: &'a [f32],
    /// A randomised classifier is drawn alike in every pass: a line search compares values.
    draw: u64,
}

/// A point with its values and gradient.
#[derive(Clone)]
struct Point {
    x: Tensor<4>,
    value: Vec<f32>,
    slope: Tensor<4>,
}

impl Problem<'_> {
    fn at(&self, x: Tensor<4>) -> Point {
        self.oracle.rewind(self.draw);
        let (losses, slope) = self.oracle.gradient(&x, &|z| cross_entropy(z, &self.target));
        let delta = x.clone() - self.images.clone();
        let squares = values(dots(delta.clone(), delta.clone()));
        let value = squares.iter().zip(&losses).zip(self.weight).map(|((d, l), c)| d + c * l).collect();
        let slope = delta.mul_scalar(2.0) + slope * each(self.weight, &x);
        Point { x, value, slope }
    }

    /// The first of ever shorter steps along `way`, bent by the box, that lowers the value enough; and which images have
    /// one. Only images of `open` move.
    fn step(&self, from: &Point, way: &Tensor<4>, mut open: Vec<bool>) -> (Point, Vec<bool>) {
        let (mut to, mut moved) = (from.clone(), vec![false; open.len()]);
        let mut length = 1.0;
        for _ in 0..TRIALS {
            if !open.contains(&true) {
                break;
            }
            let at = self.at((from.x.clone() + way.clone().mul_scalar(length)).clamp(0.0, 1.0));
            let fall = values(dots(from.slope.clone(), at.x.clone() - from.x.clone()));
            let enough = |i: usize| fall[i] < 0.0 && at.value[i] <= from.value[i] + DECREASE * fall[i];
            let take: Vec<bool> = (0..open.len()).map(|i| open[i] && enough(i)).collect();
            to.x = pick(&take, at.x, to.x);
            to.slope = pick(&take, at.slope, to.slope);
            for i in (0..open.len()).filter(|i| take[*i]) {
                (to.value[i], moved[i], open[i]) = (at.value[i], true, false);
            }
            length *= 0.5;
        }
        (to, moved)
    }
}

impl Lbfgs {
    /// The nearest images that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let mut found = Found::new(Norm::L2, images, &oracle.fooled(images, labels));
        for rival in oracle.rivals(images, labels, self.targets) {
            self.search(oracle, (images, labels), &rival, &mut found);
        }
        found
    }

    /// The line search on the weight.
    fn search(
        &self,
        oracle: &Oracle,
        (images, labels): (&Tensor<4>, &[i32]),
        rival: &[i32],
        found: &mut Found,
    ) {
        let n = labels.len();
        let mut weight = vec![self.weight as f32; n];
        let (mut low, mut high) = (vec![0.0f32; n], vec![f32::INFINITY; n]);
        for _ in 0..self.searches {
            let (target, draw) = (labels_of(rival, images), oracle.drawn());
            let x = self.descend(&Problem { oracle, images, target, weight: &weight, draw });
            let fooled = oracle.fooled(&x, labels);
            found.offer(&x, &fooled);
            for i in 0..n {
                let end = if fooled[i] { &mut high[i] } else { &mut low[i] };
                *end = weight[i];
                weight[i] = match (low[i] > 0.0, high[i].is_finite()) {
                    (true, true) => (low[i] * high[i]).sqrt(),
                    (true, false) => low[i] * 10.0,
                    (false, _) => high[i] / 10.0,
                };
            }
        }
    }

    /// The minimum that is reached from the images.
    fn descend(&self, problem: &Problem) -> Tensor<4> {
        let mut at = problem.at(problem.images.clone());
        // How often in a row an image has found no step; its next way is the steepest, then it rests.
        let mut failures = vec![0u32; at.value.len()];
        let mut pairs: Vec<[Tensor<4>; 2]> = vec![];
        for _ in 0..self.steps {
            let open: Vec<bool> = failures.iter().map(|f| *f < 2).collect();
            if !open.contains(&true) {
                break;
            }
            let free = free(&at);
            let steepest = (at.slope.clone() * free.clone()).mul_scalar(-0.5);
            let failed: Vec<bool> = failures.iter().map(|f| *f > 0).collect();
            let way = pick(&failed, steepest, newton(&pairs, &at.slope, &free));
            // A pixel range is a long way: nothing is known of the loss beyond.
            let way = Ball { norm: Norm::L2, epsilon: 1.0 }.shorten(way);
            let (to, moved) = problem.step(&at, &way, open);
            for (i, failures) in failures.iter_mut().enumerate() {
                let rests = moved[i] && at.value[i] - to.value[i] <= REST * at.value[i].abs();
                *failures = if rests {
                    2
                } else if moved[i] {
                    0
                } else {
                    *failures + 1
                };
            }
            pairs.push([to.x.clone() - at.x, to.slope.clone() - at.slope]);
            if pairs.len() > self.memory {
                pairs.remove(0);
            }
            at = to;
        }
        at.x
    }
}

/// 0 for values at an end of the box that the gradient pushes beyond it, 1 for all others.
fn free(at: &Point) -> Tensor<4> {
    let down = at.x.clone().lower_equal_elem(0.0).bool_and(at.slope.clone().greater_elem(0.0));
    let up = at.x.clone().greater_equal_elem(1.0).bool_and(at.slope.clone().lower_elem(0.0));
    down.bool_or(up).bool_not().float()
}

/// `-H g` on the free values by the two loops (Nocedal 1980). Pairs without curvature are passed over, image by image; without
/// any, H is the inverse of the distance's second derivative.
fn newton(pairs: &[[Tensor<4>; 2]], slope: &Tensor<4>, free: &Tensor<4>) -> Tensor<4> {
    let mut scale = vec![0.5f32; slope.dims()[0]];
    let mut known = vec![];
    for pair in pairs {
        let [s, y] = pair.clone().map(|t| t * free.clone());
        let curvature = values(dots(s.clone(), y.clone()));
        let squares = values(dots(y.clone(), y.clone()));
        let mut inverse = vec![0.0f32; curvature.len()];
        for (i, (c, q)) in curvature.iter().zip(squares).enumerate() {
            if *c > 1e-12 && q > 1e-12 {
                (inverse[i], scale[i]) = (1.0 / c, c / q);
            }
        }
        known.push((s, y, each(&inverse, slope)));
    }
    let mut q = slope.clone() * free.clone();
    let mut shares = vec![];
    for (s, y, inverse) in known.iter().rev() {
        let share = dots(s.clone(), q.clone()) * inverse.clone();
        q = q - y.clone() * share.clone();
        shares.push(share);
    }
    let mut way = q * each(&scale, slope);
    for ((s, y, inverse), share) in known.into_iter().zip(shares.into_iter().rev()) {
        let back = dots(y, way.clone()) * inverse;
        way = way + s * (share - back);
    }
    way.neg()
}
