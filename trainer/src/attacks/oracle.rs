//! What attacks may ask: logits, losses with their gradients, decisions. Everything asked is counted.

use burn::tensor::activation::softmax;
use burn::tensor::{Bool, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::ops::Range;

/// A classifier of images `[n, channels, height, width]` in `[0, 1]`.
pub trait Target {
    /// Logits `[n, classes]`, differentiable by the images if these are watched. A randomised classifier draws by `draw`:
    /// the same number gives the same noise.
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2>;

    /// Logits of several draws, the same as one by one.
    fn draws(&self, images: Tensor<4>, draws: Range<u64>) -> Vec<Tensor<2>> {
        draws.map(|draw| self.logits(images.clone(), draw)).collect()
    }

    /// Whether its logits depend on the draw.
    fn is_random(&self) -> bool {
        false
    }
}

/// How the gradient of a randomised classifier is estimated from m draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Estimator {
    /// Mean of the draws' losses (EPGD: Nemcovsky et al. 2019).
    Loss,
    /// Loss of the logarithm of the mean probabilities (SmoothAdv: Salman et al. 2019).
    Probability,
    /// Loss of the mean logits (expectation over transformations: Athalye et al. 2018).
    Logits,
}

/// Passes an attack has cost, in images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Forward passes, those of gradients too.
    pub forward: u64,
    /// Backward passes.
    pub backward: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.forward += more.forward;
        self.backward += more.backward;
    }
}

/// Other networks that an attacker has: images are crafted on these.
#[derive(Clone, Copy, Default)]
pub struct Sources<'a> {
    /// Networks that were given.
    pub given: &'a [&'a dyn Target],
    /// The one that was trained on the target's own answers.
    pub substitute: Option<&'a dyn Target>,
}

/// A target, how often it is drawn, and what that has cost.
pub struct Oracle<'a> {
    target: &'a dyn Target,
    sources: Sources<'a>,
    /// Draws and votes of a randomised target.
    asked: [u32; 2],
    draws: u32,
    votes: u32,
    estimator: Estimator,
    next: Cell<u64>,
    cost: Cell<Cost>,
}

impl std::fmt::Debug for Oracle<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Oracle of {} draws and {} votes, {:?}", self.draws, self.votes, self.cost.get())
    }
}

impl<'a> Oracle<'a> {
    /// Asks a deterministic target once; a randomised one `draws` times for each gradient and `votes` times for each
    /// decision.
    #[must_use]
    pub fn new(target: &'a dyn Target, draws: u32, votes: u32, estimator: Estimator) -> Self {
        let often = |m: u32| if target.is_random() { m.max(1) } else { 1 };
        let asked = [draws, votes];
        let [draws, votes] = asked.map(often);
        Self {
            target,
            sources: Sources::default(),
            asked,
            draws,
            votes,
            estimator,
            next: Cell::new(0),
            cost: Cell::default(),
        }
    }

    /// The same for an attacker who has other networks too.
    #[must_use]
    pub fn with(self, sources: Sources<'a>) -> Self {
        Self { sources, ..self }
    }

    /// The attacker's other networks.
    #[must_use]
    pub fn sources(&self) -> Sources<'a> {
        self.sources
    }

    /// An oracle over another target, asked as this one is.
    #[must_use]
    pub fn over<'t>(&self, target: &'t dyn Target) -> Oracle<'t> {
        Oracle::new(target, self.asked[0], self.asked[1], self.estimator)
    }

    /// Adds passes of another network to what was asked.
    pub fn charge(&self, more: Cost) {
        let mut cost = self.cost.get();
        cost += more;
        self.cost.set(cost);
    }

    /// What was asked so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.cost.get()
    }

    /// Leaves out draws.
    pub fn skip(&self, draws: u64) {
        self.next.set(self.next.get() + draws);
    }

    /// The number of the next draw.
    #[must_use]
    pub fn drawn(&self) -> u64 {
        self.next.get()
    }

    /// Goes back to draw `to`: what follows is drawn as it was from there.
    pub fn rewind(&self, to: u64) {
        self.next.set(to);
    }

    fn pass(&self, images: Tensor<4>) -> Tensor<2> {
        self.count(&images, 1);
        let draw = self.next.get();
        self.next.set(draw + 1);
        self.target.logits(images, draw)
    }

    /// Logits of the next `count` draws.
    fn passes(&self, images: &Tensor<4>, count: u32) -> Vec<Tensor<2>> {
        self.count(images, count);
        let draw = self.next.get();
        let end = draw + u64::from(count);
        self.next.set(end);
        self.target.draws(images.clone(), draw..end)
    }

    fn count(&self, images: &Tensor<4>, passes: u32) {
        self.charge(Cost { forward: u64::from(passes) * images.dims()[0] as u64, backward: 0 });
    }

    /// The loss of each image, `[n]`, over the draws.
    fn loss(&self, images: &Tensor<4>, of: &dyn Fn(Tensor<2>) -> Tensor<1>) -> Tensor<1> {
        let share = 1.0 / f64::from(self.draws);
        let passes = || self.passes(images, self.draws).into_iter();
        let mean = |mut all: Vec<Tensor<2>>| {
            let first = all.remove(0);
            all.into_iter().fold(first, |sum, t| sum + t).mul_scalar(share)
        };
        match self.estimator {
            _ if self.draws == 1 => of(self.pass(images.clone())),
            Estimator::Logits => of(mean(passes().collect())),
            Estimator::Probability => {
                of(mean(passes().map(|z| softmax(z, 1)).collect()).clamp_min(1e-20).log())
            }
            Estimator::Loss => {
                let losses = passes().map(of).reduce(|sum, l| sum + l);
                losses.unwrap_or_else(|| of(self.pass(images.clone()))).mul_scalar(share)
            }
        }
    }

    /// Losses and the gradient of their sum by `images`, which are not on an autodiff device.
    pub fn gradient(&self, images: &Tensor<4>, of: &dyn Fn(Tensor<2>) -> Tensor<1>) -> (Vec<f32>, Tensor<4>) {
        let watched = images.clone().autodiff().require_grad();
        let losses = self.loss(&watched, of);
        (numbers(&losses), self.slope(&watched, losses))
    }

    /// [`gradient`](Self::gradient) with the values of another loss, of the same passes: losses, the others, gradient.
    pub fn gradient_beside(
        &self,
        images: &Tensor<4>,
        of: &dyn Fn(Tensor<2>) -> Tensor<1>,
        beside: &dyn Fn(Tensor<2>) -> Tensor<1>,
    ) -> (Vec<f32>, Vec<f32>, Tensor<4>) {
        let n = images.dims()[0];
        let watched = images.clone().autodiff().require_grad();
        let both = self.loss(&watched, &|z| Tensor::cat(vec![of(z.clone()), beside(z)], 0));
        let [losses, others] = [0..n, n..2 * n].map(|range| both.clone().slice([range]));
        (numbers(&losses), numbers(&others), self.slope(&watched, losses))
    }

    /// The gradient of the sum of `losses` by `watched`.
    fn slope(&self, watched: &Tensor<4>, losses: Tensor<1>) -> Tensor<4> {
        let passes = u64::from(self.draws) * watched.dims()[0] as u64;
        self.charge(Cost { forward: 0, backward: passes });
        // A target without a gradient gives zeros: the second term tracks the images and adds nothing.
        let sum = losses.sum() + watched.clone().sum().mul_scalar(0.0);
        watched.grad(&sum.backward()).unwrap_or_else(|| watched.clone().inner().zeros_like())
    }

    /// Losses without a gradient.
    pub fn losses(&self, images: &Tensor<4>, of: &dyn Fn(Tensor<2>) -> Tensor<1>) -> Vec<f32> {
        numbers(&self.loss(images, of))
    }

    /// By how much the losses at `up` exceed those at `down`, under the same draws: the noise of others would drown a small
    /// difference.
    pub fn rises(&self, up: &Tensor<4>, down: &Tensor<4>, of: &dyn Fn(Tensor<2>) -> Tensor<1>) -> Vec<f32> {
        let first = self.next.get();
        let above = self.losses(up, of);
        self.next.set(first);
        let below = self.losses(down, of);
        above.into_iter().zip(below).map(|(a, b)| a - b).collect()
    }

    /// The class of each image: the one with most votes, the lowest among equals.
    pub fn classes(&self, images: &Tensor<4>) -> Vec<i32> {
        let one = |z: Tensor<2>| -> Vec<i32> { z.argmax(1).into_data().iter::<i32>().collect() };
        if self.votes == 1 {
            return one(self.pass(images.clone()));
        }
        let votes: Vec<Vec<i32>> = self.passes(images, self.votes).into_iter().map(one).collect();
        (0..images.dims()[0])
            .map(|i| {
                let mut counts = std::collections::BTreeMap::<i32, u32>::new();
                votes.iter().for_each(|v| *counts.entry(v[i]).or_default() += 1);
                counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(0, |(class, _)| class)
            })
            .collect()
    }

    /// Up to `count` lists of a class for each image, other than that in `avoid`: of its largest logit, of the second
    /// largest, and so on.
    pub fn rivals(&self, images: &Tensor<4>, avoid: &[i32], count: usize) -> Vec<Vec<i32>> {
        let order = self.ranked(images);
        let of = |rank: usize| {
            let others =
                order.iter().zip(avoid).map(|(o, a)| o.iter().copied().filter(move |c| c != a).nth(rank));
            others.collect::<Option<Vec<i32>>>()
        };
        let classes = order.first().map_or(0, Vec::len);
        (0..classes.saturating_sub(1).min(count)).filter_map(of).collect()
    }

    /// For each image its classes from the largest logit to the least.
    fn ranked(&self, images: &Tensor<4>) -> Vec<Vec<i32>> {
        let logits = self.pass(images.clone());
        let [_, classes] = logits.dims();
        let values: Vec<f32> = logits.into_data().iter::<f32>().collect();
        let rank = |row: &[f32]| {
            let mut order: Vec<i32> = (0..classes as i32).collect();
            order.sort_by(|a, b| row[*b as usize].total_cmp(&row[*a as usize]));
            order
        };
        values.chunks(classes).map(rank).collect()
    }

    /// Whether each image is given another class than its label.
    pub fn fooled(&self, images: &Tensor<4>, labels: &[i32]) -> Vec<bool> {
        self.classes(images).iter().zip(labels).map(|(found, label)| found != label).collect()
    }
}

/// `[n, 1, 1, 1]` of one value an image.
#[must_use]
pub fn each(values: &[f32], like: &Tensor<4>) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1, 1, 1]), &like.device())
}

/// The images of `yes` where `mask` holds, else those of `no`.
#[must_use]
pub fn pick(mask: &[bool], yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = no.dims();
    let mask = Tensor::<4, Bool>::from_data(TensorData::new(mask.to_vec(), [n, 1, 1, 1]), &no.device());
    no.mask_where(mask.expand([n, c, h, w]), yes)
}

/// Labels as a tensor.
#[must_use]
pub fn labels_of(labels: &[i32], like: &Tensor<4>) -> Tensor<1, Int> {
    Tensor::from_data(TensorData::new(labels.to_vec(), [labels.len()]), &like.device())
}

fn numbers(t: &Tensor<1>) -> Vec<f32> {
    t.clone().inner().into_data().iter::<f32>().collect()
}

/// One value an image.
pub(crate) fn values(t: Tensor<4>) -> Vec<f32> {
    t.into_data().iter::<f32>().collect()
}
