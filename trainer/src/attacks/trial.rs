//! One step of a suite: an attack on one batch of images, its successes confirmed.

use super::found::norms;
use super::journal::Step;
use super::target::OnBatch;
use super::{Cost, NetTarget, Oracle, Planned, Results, Sources, Suite, Target, Watch};
use crate::data::Images;
use crate::methods::Batch;
use crate::nets::NetSpec;
use crate::train::to_device;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// A suite, what it attacks, and on what.
pub(super) struct Trial<'a> {
    pub(super) suite: &'a Suite<'a>,
    pub(super) target: NetTarget<'a>,
    pub(super) images: &'a Images,
    pub(super) device: &'a Device,
    pub(super) watch: &'a dyn Watch,
}

/// An image and what an attack made of it, channel by channel in `[0, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Example {
    /// The image's number.
    pub image: u32,
    /// Its label.
    pub label: i32,
    /// The class that the adversarial image is given.
    pub class: i32,
    /// The attack.
    pub attack: &'static str,
    /// How far the adversarial image is.
    pub distance: f32,
    /// The image.
    pub original: Vec<f32>,
    /// The adversarial image.
    pub adversarial: Vec<f32>,
}

/// Images as they are, with their labels once more on the host.
pub(crate) fn plain_batch(
    images: &Images,
    ids: &[u32],
    seed: u64,
    (spec, device): (&NetSpec, &Device),
) -> (Batch, Vec<i32>) {
    let data = images.evaluation(ids, 0.0, seed);
    let own = data.labels.clone();
    let (images, labels) = to_device(data.pixels, data.labels, spec, device);
    (
        Batch { images, labels, ids: ids.to_vec(), epoch: 0, progress: 0.0, seed, sigma: 0.0, objects: None },
        own,
    )
}

impl Trial<'_> {
    /// What a decision is asked of.
    fn judge<'t>(&self, target: &'t dyn Target) -> Oracle<'t> {
        let Suite { draws, votes, estimator, .. } = *self.suite;
        Oracle::new(target, draws, votes, estimator)
    }

    /// An attack's end on images `ids`, and which of them it thinks broken.
    fn crafted(
        &self,
        planned: &Planned,
        (target, ids): (&OnBatch, &[u32]),
        (batch, labels): (&Batch, &[i32]),
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>, Cost) {
        let Suite { draws, votes, estimator, .. } = *self.suite;
        let watch = self.watch;
        let given: Vec<OnBatch> =
            self.suite.sources.iter().map(|target| OnBatch { target: *target, ids, watch }).collect();
        let given: Vec<&dyn Target> = given.iter().map(|s| s as &dyn Target).collect();
        let substitute = self.suite.substitute.map(|target| OnBatch { target, ids, watch });
        let substitute = substitute.as_ref().map(|s| s as &dyn Target);
        let (draws, estimator) = (planned.draws.unwrap_or(draws), planned.estimator.unwrap_or(estimator));
        let oracle = Oracle::new(target, draws, votes, estimator).with(Sources { given: &given, substitute });
        let (x, found) = planned.attack.run(&oracle, batch, labels, epsilon);
        (x, found, oracle.cost())
    }

    fn on<'t>(&'t self, ids: &'t [u32]) -> OnBatch<'t> {
        OnBatch { target: self.target, ids, watch: self.watch }
    }

    fn batch(&self, ids: &[u32]) -> (Batch, Vec<i32>) {
        plain_batch(self.images, ids, self.suite.seed, (self.target.spec, self.device))
    }

    /// The images that are wrong as they are: at distance 0.
    pub(super) fn clean(&self, ids: &[u32]) -> Step {
        let (batch, labels) = self.batch(ids);
        let target = self.on(ids);
        let oracle = self.judge(&target);
        let wrong = oracle.fooled(&batch.images, &labels);
        Step { found: wrong.iter().map(|w| w.then_some(0.0)).collect(), cost: oracle.cost() }
    }

    /// The images that `attack` breaks at a size, or at the least it needs.
    pub(super) fn attacked(&self, planned: &Planned, epsilon: Option<f64>, ids: &[u32]) -> Step {
        let (batch, labels) = self.batch(ids);
        let target = self.on(ids);
        let epsilon = epsilon.unwrap_or(f64::INFINITY);
        let (x, found, cost) = self.crafted(planned, (&target, ids), (&batch, &labels), epsilon);
        let confirmed = self.confirmed(&target, (&batch, &labels), &x, epsilon);
        let found = found.iter().zip(confirmed).map(|(found, at)| at.filter(|_| *found)).collect();
        Step { found, cost }
    }

    /// For each image that is within the ball and given another class by fresh draws its distance.
    fn confirmed(
        &self,
        target: &dyn Target,
        (batch, labels): (&Batch, &[i32]),
        x: &Tensor<4>,
        epsilon: f64,
    ) -> Vec<Option<f32>> {
        let at = norms(self.suite.norm, x.clone() - batch.images.clone());
        let oracle = self.judge(target);
        // Past the draws that any attack has seen.
        oracle.skip(1 << 32);
        let fooled = oracle.fooled(&x.clone().clamp(0.0, 1.0), labels);
        let counts = |d: f32, fooled: bool| fooled && f64::from(d) <= epsilon * (1.0 + 1e-5) + 1e-7;
        at.into_iter().zip(fooled).map(|(d, f)| counts(d, f).then_some(d)).collect()
    }

    /// What an attack makes of images `ids`; those that it breaks.
    fn examples(&self, planned: &Planned, epsilon: Option<f64>, ids: &[u32]) -> Vec<Example> {
        let (batch, labels) = self.batch(ids);
        let target = self.on(ids);
        let epsilon = epsilon.unwrap_or(f64::INFINITY);
        let (x, found, _) = self.crafted(planned, (&target, ids), (&batch, &labels), epsilon);
        let confirmed = self.confirmed(&target, (&batch, &labels), &x, epsilon);
        let classes = self.judge(&target).classes(&x);
        let rows = |t: &Tensor<4>| -> Vec<Vec<f32>> {
            let flat: Vec<f32> = t.clone().into_data().iter::<f32>().collect();
            flat.chunks(flat.len() / ids.len()).map(<[f32]>::to_vec).collect()
        };
        let (originals, adversarials) = (rows(&batch.images), rows(&x));
        let example = |i: usize| {
            let distance = confirmed[i].filter(|_| found[i])?;
            let (original, adversarial) = (originals[i].clone(), adversarials[i].clone());
            let (image, label, class) = (ids[i], labels[i], classes[i]);
            Some(Example { image, label, class, attack: planned.name, distance, original, adversarial })
        };
        (0..ids.len()).filter_map(example).collect()
    }
}

impl Suite<'_> {
    /// The nearest adversarial images of up to `limit` images that are broken within `epsilon`, the first ones; each attack is
    /// run again on its own.
    #[must_use]
    pub fn examples(
        &self,
        target: &NetTarget,
        images: &Images,
        device: &Device,
        results: &Results,
        (epsilon, limit): (f64, usize),
    ) -> Vec<Example> {
        let net = target.net.valid();
        let trial =
            Trial { suite: self, target: NetTarget { net: &net, ..*target }, images, device, watch: &() };
        let near = |d: Option<f32>| d.is_some_and(|d| super::found::within(d, epsilon));
        let picks = results.images.iter().filter(|r| r.clean && near(r.least));
        let picks: Vec<_> = picks.filter_map(|r| Some((r.image, *r.nearest()?))).take(limit).collect();
        let mut examples = vec![];
        for planned in &self.attacks {
            let sizes = if planned.attack.is_minimal() {
                vec![None]
            } else {
                self.epsilons.iter().copied().map(Some).collect()
            };
            for size in sizes {
                let ids: Vec<u32> = picks
                    .iter()
                    .filter(|(_, t)| t.attack == planned.name && t.epsilon == size)
                    .map(|(image, _)| *image)
                    .collect();
                if !ids.is_empty() {
                    examples.extend(trial.examples(planned, size, &ids));
                }
            }
        }
        examples.sort_by_key(|e| e.image);
        // An attack that was asked for twice.
        examples.dedup_by_key(|e| e.image);
        examples
    }
}
