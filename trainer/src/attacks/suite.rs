//! Several attacks on the same images, each on those that are left; the worst of all counts.

use super::found::norms;
use super::{Attack, Cost, Estimator, Norm, Oracle, Target};
use crate::data::Images;
use crate::diagnose::Subject;
use crate::methods::Batch;
use crate::nets::{Draw, NetSpec, Network, Pass, Path};
use crate::random::{Normals, Stream, stream};
use crate::train::to_device;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use serde::Serialize;

/// First draw of noise layers under attack, beyond all training steps.
const ATTACK: u64 = 1 << 62;
/// Images attacked at a time.
const BATCH: usize = 100;

/// A network, its noise layers on, under normal noise on the pixels: what a smoothed classifier draws.
#[derive(Debug, Clone, Copy)]
pub struct NetTarget<'a> {
    /// Not on an autodiff device.
    pub net: &'a Network,
    /// Its shape.
    pub spec: &'a NetSpec,
    /// How it is computed.
    pub path: Path,
    /// Seed of all noise.
    pub seed: u64,
    /// Deviation of the noise on the pixels, in units of their range; 0: none.
    pub sigma: f32,
}

/// The target for a batch: the noise on an image belongs to the image and not to its place.
struct OnBatch<'a> {
    target: NetTarget<'a>,
    ids: &'a [u32],
}

impl OnBatch<'_> {
    fn noise(&self, like: &Tensor<4>, draw: u64) -> Tensor<4> {
        let dims = like.dims();
        let each = dims[1] * dims[2] * dims[3];
        let mut values = vec![0.0; dims[0] * each];
        values.par_chunks_exact_mut(each).zip(self.ids).for_each(|(out, &index)| {
            let (epoch, copy) = ((draw >> 32) as u32, draw as u32);
            let mut random = Normals::new(stream(self.target.seed, Stream::Copy { epoch, index, copy }));
            out.iter_mut().for_each(|v| *v = self.target.sigma * random.draw());
        });
        Tensor::from_data(TensorData::new(values, dims), &like.device().inner())
    }
}

impl Target for OnBatch<'_> {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let NetTarget { net, spec, path, seed, sigma } = self.target;
        let images = if sigma > 0.0 {
            let noise = self.noise(&images, draw);
            images.clone() + if images.is_autodiff() { noise.autodiff() } else { noise }
        } else {
            images
        };
        net.forward(spec, images, Pass { path, draw: Some(Draw { seed, index: ATTACK + draw }) })
    }

    fn is_random(&self) -> bool {
        self.target.sigma > 0.0 || !self.target.spec.noise.is_none()
    }
}

impl Subject for NetTarget<'_> {
    fn on<'s>(&'s self, ids: &'s [u32]) -> Box<dyn Target + 's> {
        Box::new(OnBatch { target: *self, ids })
    }

    fn silent<'s>(&'s self, ids: &'s [u32]) -> Option<Box<dyn Target + 's>> {
        let random = OnBatch { target: *self, ids }.is_random();
        random.then(|| Box::new(Silent(*self)) as Box<dyn Target>)
    }
}

/// The network alone, all noise off.
struct Silent<'a>(NetTarget<'a>);

impl Target for Silent<'_> {
    fn logits(&self, images: Tensor<4>, _: u64) -> Tensor<2> {
        self.0.net.forward(self.0.spec, images, Pass { path: self.0.path, draw: None })
    }
}

/// An attack of a suite.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// Its name in the report.
    pub name: &'static str,
    /// The attack.
    pub attack: Attack,
    /// How it estimates gradients of a randomised classifier, if not as the suite does.
    pub estimator: Option<Estimator>,
}

/// What is run, and against which ball.
#[derive(Debug, Clone)]
pub struct Suite {
    /// The attacks, in order.
    pub attacks: Vec<Planned>,
    /// Norm of the ball.
    pub norm: Norm,
    /// Its size, in units of the pixel range.
    pub epsilon: f64,
    /// Draws of a randomised classifier in each gradient.
    pub draws: u32,
    /// Draws of each of its decisions.
    pub votes: u32,
    /// How its gradient is estimated, unless the attack says.
    pub estimator: Estimator,
    /// Seed of random starts.
    pub seed: u64,
}

/// What one attack left.
#[derive(Debug, Clone, Serialize)]
pub struct Line {
    /// The attack.
    pub attack: &'static str,
    /// Share of all images that are right after it and those before it.
    pub accuracy: f64,
    /// Images it broke.
    pub broken: usize,
    /// Passes it cost.
    pub cost: Cost,
}

/// The result of a suite.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Images attacked.
    pub images: usize,
    /// Share that is right without an attack.
    pub clean: f64,
    /// Attack by attack.
    pub lines: Vec<Line>,
    /// Per image the attack that broke it; `clean` for one that was wrong before, none for one that stood all.
    pub broken_by: Vec<Option<&'static str>>,
}

impl Suite {
    /// Runs all attacks on the first `count` of `images`. A success counts only where a pass of its own, on an image that is
    /// within the ball, confirms it. `report` is called after each attack.
    pub fn run(
        &self,
        target: &NetTarget,
        (images, count): (&Images, usize),
        device: &Device,
        report: &mut dyn FnMut(&Line),
    ) -> Outcome {
        // With training on, passes that are differentiated would normalise by the batch's own statistics.
        let net = target.net.valid();
        let target = &NetTarget { net: &net, ..*target };
        let count = images.len().min(count);
        let ids: Vec<u32> = (0..count as u32).collect();
        let mut broken_by: Vec<Option<&'static str>> = vec![None; count];
        for chunk in ids.chunks(BATCH) {
            let (batch, labels) = self.batch(images, chunk, target.spec, device);
            let target = OnBatch { target: *target, ids: chunk };
            let wrong = self.oracle(&target).fooled(&batch.images, &labels);
            chunk
                .iter()
                .zip(wrong)
                .filter(|(_, w)| *w)
                .for_each(|(i, _)| broken_by[*i as usize] = Some("clean"));
        }
        let share = |broken: &[Option<&str>]| {
            broken.iter().filter(|b| b.is_none()).count() as f64 / count.max(1) as f64
        };
        let clean = share(&broken_by);
        let mut lines = vec![];
        for &Planned { name, attack, estimator } in &self.attacks {
            let left: Vec<u32> = ids.iter().copied().filter(|i| broken_by[*i as usize].is_none()).collect();
            let (mut cost, mut broken) = (Cost::default(), 0);
            for chunk in left.chunks(BATCH) {
                let (batch, labels) = self.batch(images, chunk, target.spec, device);
                let target = OnBatch { target: *target, ids: chunk };
                let oracle =
                    Oracle::new(&target, self.draws, self.votes, estimator.unwrap_or(self.estimator));
                let (x, found) = attack.run(&oracle, &batch, &labels, self.epsilon);
                let confirmed = self.confirmed(&target, &batch, &labels, &x);
                for (i, _) in chunk.iter().zip(found.iter().zip(confirmed)).filter(|(_, (f, c))| **f && *c) {
                    broken_by[*i as usize] = Some(name);
                    broken += 1;
                }
                let spent = oracle.cost();
                cost =
                    Cost { forward: cost.forward + spent.forward, backward: cost.backward + spent.backward };
            }
            let line = Line { attack: name, accuracy: share(&broken_by), broken, cost };
            report(&line);
            lines.push(line);
        }
        Outcome { images: count, clean, lines, broken_by }
    }

    fn oracle<'t>(&self, target: &'t dyn Target) -> Oracle<'t> {
        Oracle::new(target, self.draws, self.votes, self.estimator)
    }

    fn batch(&self, images: &Images, ids: &[u32], spec: &NetSpec, device: &Device) -> (Batch, Vec<i32>) {
        let data = images.evaluation(ids, 0.0, self.seed);
        let own = data.labels.clone();
        let (images, labels) = to_device(data.pixels, data.labels, spec, device);
        let ids = ids.to_vec();
        (Batch { images, labels, ids, epoch: 0, progress: 0.0, seed: self.seed, sigma: 0.0 }, own)
    }

    /// Whether each image is within the ball and the box, and given another class by fresh draws.
    fn confirmed(&self, target: &dyn Target, batch: &Batch, labels: &[i32], x: &Tensor<4>) -> Vec<bool> {
        let at = norms(self.norm, x.clone() - batch.images.clone());
        let inside = at.iter().map(|d| f64::from(*d) <= self.epsilon * (1.0 + 1e-5) + 1e-7);
        let oracle = self.oracle(target);
        // Past the draws that any attack has seen.
        oracle.skip(1 << 32);
        let fooled = oracle.fooled(&x.clone().clamp(0.0, 1.0), labels);
        inside.zip(fooled).map(|(inside, fooled)| inside && fooled).collect()
    }
}
