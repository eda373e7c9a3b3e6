//! A network that imitates the target: trained on nothing but the classes that the target gives to points that the attacker
//! chooses (Papernot et al. 2017, arXiv:1602.02697, algorithm 1).

use super::oracle::{Estimator, Oracle, labels_of};
use super::target::OnBatch;
use super::trial::plain_batch;
use super::{Cost, NetTarget};
use crate::data::{Images, epoch_order};
use crate::methods::loss::{cross_entropy, of_label};
use crate::nets::{Architecture, NetSpec, Network, Pass};
use crate::noise::NoiseSpec;
use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// How it is trained.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Substitute {
    /// Its shape.
    pub architecture: Architecture,
    /// Images that the attacker starts from.
    pub starting: usize,
    /// Times that the points are doubled.
    pub rounds: u32,
    /// Length of the step from a point to the new one, in each value.
    pub lambda: f64,
    /// Rounds after which the step changes its sign.
    pub turn: u32,
    /// Most points.
    pub most: usize,
    /// Epochs of training in each round.
    pub epochs: u32,
    /// Points in a training step.
    pub batch: usize,
    /// Rate of Adam.
    pub rate: f64,
}

impl Default for Substitute {
    /// The numbers of the paper's first experiment, with a larger network.
    fn default() -> Self {
        Self {
            architecture: Architecture::Mlp,
            starting: 150,
            rounds: 6,
            lambda: 0.1,
            turn: 3,
            most: 10_000,
            epochs: 10,
            batch: 128,
            rate: 1e-3,
        }
    }
}

/// What was trained.
#[derive(Debug)]
pub struct Imitation {
    /// The network, not on an autodiff device.
    pub net: Network,
    /// Its shape.
    pub spec: NetSpec,
    /// Decisions of the target that it was trained on.
    pub queries: usize,
    /// Passes that those cost.
    pub cost: Cost,
}

/// Points with the classes that the target gives them.
struct Points {
    images: Tensor<4>,
    classes: Vec<i32>,
}

/// Past the draws that attacks and their confirmation see.
const DRAWS: u64 = 1 << 34;

impl Substitute {
    /// Trains on the answers of `target`, each of `votes` draws, to `ids` of `images` and the points made from them.
    #[must_use]
    pub fn imitate(
        &self,
        target: &NetTarget,
        (images, ids): (&Images, &[u32]),
        votes: u32,
        device: &Device,
    ) -> Imitation {
        let spec =
            NetSpec { architecture: self.architecture, noise: NoiseSpec::default(), ..target.spec.clone() };
        let mut net = Network::new(&spec, &device.clone().autodiff(), target.seed);
        let mut optimizer = AdamConfig::new().init();
        let (batch, _) = plain_batch(images, ids, target.seed, (target.spec, device));
        let mut cost = Cost::default();
        let mut points = Points { classes: vec![], images: batch.images };
        for round in 0..=self.rounds {
            self.label(target, &mut points, votes, &mut cost);
            for epoch in 0..self.epochs {
                let number = round * self.epochs + epoch;
                net = self.epoch(net, &mut optimizer, &spec, target, &points, number);
            }
            if round < self.rounds {
                self.double(&net.valid(), &spec, target, &mut points, round);
            }
        }
        Imitation { net: net.valid(), spec, queries: points.classes.len(), cost }
    }

    /// Asks for the classes of the points that have none.
    fn label(&self, target: &NetTarget, points: &mut Points, votes: u32, cost: &mut Cost) {
        let all = points.images.dims()[0];
        let mut next = points.classes.len();
        while next < all {
            let end = (next + self.batch).min(all);
            let ids: Vec<u32> = (next as u32..end as u32).collect();
            let on = OnBatch { target: *target, ids: &ids, watch: &() };
            let oracle = Oracle::new(&on, 1, votes, Estimator::Loss);
            oracle.skip(DRAWS);
            points.classes.extend(oracle.classes(&points.images.clone().narrow(0, next, end - next)));
            *cost += oracle.cost();
            next = end;
        }
    }

    /// One epoch of training on all points.
    fn epoch(
        &self,
        mut net: Network,
        optimizer: &mut ModuleOptimizer,
        spec: &NetSpec,
        target: &NetTarget,
        points: &Points,
        number: u32,
    ) -> Network {
        let device = points.images.device();
        for chunk in epoch_order(points.classes.len() as u32, number, target.seed).chunks(self.batch) {
            let rows: Vec<i32> = chunk.iter().map(|i| *i as i32).collect();
            let rows = Tensor::<1, Int>::from_data(TensorData::new(rows, [chunk.len()]), &device);
            let x = points.images.clone().select(0, rows).autodiff();
            let classes: Vec<i32> =
                chunk.iter().filter_map(|i| points.classes.get(*i as usize).copied()).collect();
            let y = labels_of(&classes, &x);
            let logits = net.forward(spec, x, Pass { path: target.path, draw: None });
            let gradients = cross_entropy(logits, &y).mean().backward();
            let gradients = GradientsParams::from_grads(gradients, &net);
            net = optimizer.step(self.rate, net, gradients);
        }
        net
    }

    /// Adds for each point one a step along the sign of the gradient of its class's logit, up to the most.
    fn double(&self, net: &Network, spec: &NetSpec, target: &NetTarget, points: &mut Points, round: u32) {
        let turned = (round / self.turn.max(1)) % 2 == 1;
        let step = if turned { -self.lambda } else { self.lambda };
        let more = points.classes.len().min(self.most.saturating_sub(points.classes.len()));
        let mut all = vec![points.images.clone()];
        let mut next = 0;
        while next < more {
            let end = (next + self.batch).min(more);
            let x = points.images.clone().narrow(0, next, end - next);
            let watched = x.clone().autodiff().require_grad();
            let y = labels_of(points.classes.get(next..end).unwrap_or_default(), &watched);
            let logits = net.forward(spec, watched.clone(), Pass { path: target.path, draw: None });
            let gradients = of_label(logits, &y).sum().backward();
            let slope = watched.grad(&gradients).unwrap_or_else(|| x.zeros_like());
            all.push((x + slope.sign().mul_scalar(step)).clamp(0.0, 1.0));
            next = end;
        }
        points.images = Tensor::cat(all, 0);
    }
}
