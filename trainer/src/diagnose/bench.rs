//! The images that all checks use, and what an attack does to them.

use crate::attacks::{Attack, Cost, Estimator, Norm, Oracle, Target, norms};
use crate::methods::Batch;
use burn::tensor::Tensor;
use std::cell::OnceCell;

/// A classifier that checks may ask about any batch.
pub trait Subject {
    /// The classifier of the images of these numbers: noise belongs to an image and not to its place in the batch.
    fn on<'s>(&'s self, ids: &'s [u32]) -> Box<dyn Target + 's>;

    /// The same with its noise off; none if it has none, or it cannot be switched off.
    fn silent<'s>(&'s self, _ids: &'s [u32]) -> Option<Box<dyn Target + 's>> {
        None
    }
}

/// Images, a classifier, and how both are asked.
#[derive(Clone)]
pub struct Bench<'a> {
    /// The classifier.
    pub subject: &'a dyn Subject,
    /// The images with their labels.
    pub batches: &'a [(Batch, Vec<i32>)],
    /// Norm of perturbations.
    pub norm: Norm,
    /// Draws of a randomised classifier in each gradient.
    pub draws: u32,
    /// Draws of each of its decisions.
    pub votes: u32,
    /// How its gradient is estimated.
    pub estimator: Estimator,
    /// What is wrong without an attack, batch by batch, twice; asked once.
    pub before: OnceCell<Vec<[Vec<bool>; 2]>>,
}

impl std::fmt::Debug for Bench<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Bench of {} images, {}", self.images(), self.norm)
    }
}

/// What an attack left, image by image.
#[derive(Debug, Clone, Default)]
pub struct Ran {
    /// Images that are wrong after it, twice, by fresh draws; those that were wrong before among them.
    pub wrong: Vec<bool>,
    /// Images whose two decisions differ.
    pub unstable: Vec<bool>,
    /// Passes it cost.
    pub cost: Cost,
}

impl Ran {
    /// Share of images that are not wrong.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        self.wrong.iter().filter(|w| !**w).count() as f64 / self.wrong.len().max(1) as f64
    }

    /// The worst of both, image by image; the costs add up.
    #[must_use]
    pub fn or(&self, other: &Self) -> Self {
        let both = |a: &[bool], b: &[bool]| a.iter().zip(b).map(|(a, b)| *a || *b).collect();
        let wrong: Vec<bool> = both(&self.wrong, &other.wrong);
        let unstable: Vec<bool> = both(&self.unstable, &other.unstable);
        Self {
            unstable: unstable.iter().zip(&wrong).map(|(u, w)| *u && !*w).collect(),
            wrong,
            cost: sum(self.cost, other.cost),
        }
    }

    fn push(&mut self, wrong: Vec<bool>, unstable: Vec<bool>, cost: Cost) {
        self.wrong.extend(wrong);
        self.unstable.extend(unstable);
        self.cost = sum(self.cost, cost);
    }
}

fn sum(a: Cost, b: Cost) -> Cost {
    Cost { forward: a.forward + b.forward, backward: a.backward + b.backward }
}

/// First draws of the two decisions that confirm, past those that any attack sees.
const FRESH: [u64; 2] = [1 << 32, 1 << 33];

impl Bench<'_> {
    /// Images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.batches.iter().map(|(_, labels)| labels.len()).sum()
    }

    /// An oracle over a target, asked as this bench asks.
    #[must_use]
    pub fn oracle<'t>(&self, target: &'t dyn Target) -> Oracle<'t> {
        Oracle::new(target, self.draws, self.votes, self.estimator)
    }

    /// No attack.
    #[must_use]
    pub fn clean(&self) -> Ran {
        self.each(&|_, batch, _| batch.images.clone(), 0.0)
    }

    /// An attack within `epsilon`.
    #[must_use]
    pub fn attack(&self, attack: &Attack, epsilon: f64) -> Ran {
        self.each(&|oracle, batch, labels| attack.run(oracle, batch, labels, epsilon).0, epsilon)
    }

    /// An attack whose results count at any distance.
    #[must_use]
    pub fn unlimited(&self, attack: &Attack) -> Ran {
        self.each(&|oracle, batch, labels| attack.run(oracle, batch, labels, f64::INFINITY).0, f64::INFINITY)
    }

    /// An attack within `epsilon` on another classifier, judged on this one.
    #[must_use]
    pub fn transferred(&self, attack: &Attack, source: &dyn Subject, epsilon: f64) -> Ran {
        let craft = |_: &Oracle, batch: &Batch, labels: &[i32]| {
            let target = source.on(&batch.ids);
            attack.run(&self.oracle(&*target), batch, labels, epsilon).0
        };
        self.each(&craft, epsilon)
    }

    /// Perturbed images from `craft`, judged by fresh draws; one outside the ball or the box counts as not broken.
    pub(super) fn each(&self, craft: &dyn Fn(&Oracle, &Batch, &[i32]) -> Tensor<4>, epsilon: f64) -> Ran {
        let mut ran = Ran::default();
        for ((batch, labels), [before, again]) in self.batches.iter().zip(self.before()) {
            let target = self.subject.on(&batch.ids);
            let oracle = self.oracle(&*target);
            let x = craft(&oracle, batch, labels).clamp(0.0, 1.0);
            let at = norms(self.norm, x.clone() - batch.images.clone());
            let inside: Vec<bool> =
                at.iter().map(|d| f64::from(*d) <= epsilon * (1.0 + 1e-5) + 1e-7).collect();
            let [first, second] = FRESH.map(|draw| self.judged(&*target, draw, &x, labels));
            let (mut wrong, mut unstable) = (vec![], vec![]);
            for i in 0..labels.len() {
                let pair = if inside[i] {
                    [first[i] || before[i], second[i] || again[i]]
                } else {
                    [before[i], again[i]]
                };
                wrong.push(pair[0] && pair[1]);
                unstable.push(pair[0] != pair[1]);
            }
            ran.push(wrong, unstable, oracle.cost());
        }
        ran
    }

    fn before(&self) -> &[[Vec<bool>; 2]] {
        self.before.get_or_init(|| {
            let judged = |(batch, labels): &(Batch, Vec<i32>)| {
                let target = self.subject.on(&batch.ids);
                FRESH.map(|draw| self.judged(&*target, draw, &batch.images, labels))
            };
            self.batches.iter().map(judged).collect()
        })
    }

    /// Images from `craft`, judged by fresh draws wherever they lie and whatever was given before.
    pub(super) fn shown(&self, craft: &dyn Fn(&Oracle, &Batch, &[i32]) -> Tensor<4>) -> Ran {
        let mut ran = Ran::default();
        for (batch, labels) in self.batches {
            let target = self.subject.on(&batch.ids);
            let oracle = self.oracle(&*target);
            let x = craft(&oracle, batch, labels).clamp(0.0, 1.0);
            let [first, second] = FRESH.map(|draw| self.judged(&*target, draw, &x, labels));
            let unstable = first.iter().zip(&second).map(|(a, b)| a != b).collect();
            ran.push(first, unstable, oracle.cost());
        }
        ran
    }

    fn judged(&self, target: &dyn Target, draw: u64, x: &Tensor<4>, labels: &[i32]) -> Vec<bool> {
        let oracle = self.oracle(target);
        oracle.skip(draw);
        oracle.fooled(x, labels)
    }
}
