//! One batch: loss, gradient, new weights.

use super::gradient;
use super::run::Place;
use super::settings::Settings;
use crate::methods::{Batch, Carry, Model};
use crate::nets::{Defence, NetSpec, Network};
use burn::module::Module;
use burn::optim::{GradientsAccumulator, GradientsParams, ModuleOptimizer};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;

/// What a step changes.
#[allow(missing_debug_implementations)] // Burn's optimiser has none
pub struct Learner {
    /// The network and its mask, on an autodiff device.
    pub net: Defence,
    /// The optimiser with its state.
    pub optimizer: ModuleOptimizer,
    /// The running average of the weights, not on an autodiff device.
    pub average: Option<Defence>,
    /// The network that guides the method, likewise.
    pub teacher: Option<Network>,
}

/// A loss that is no number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NotFinite(pub f32);

impl Learner {
    /// Makes the optimiser steps of `batch` at learning rate `rate`; returns the mean loss over replays.
    ///
    /// # Errors
    /// When the loss is no finite number; the weights are then those after the last step that was made.
    pub fn step(
        &mut self,
        batch: &Batch,
        (spec, settings): (&NetSpec, &Settings),
        place: Place,
        (step, rate): (u64, f64),
    ) -> Result<f64, NotFinite> {
        let objective = settings.method.objective();
        let replays = u64::from(objective.replays());
        let (mut carry, mut losses) = (Carry::default(), 0.0);
        for replay in 0..replays {
            let number = step * replays + replay;
            let (loss, mut gradients) = if place.shards.is_empty() {
                let model = Model::new(&self.net.net, spec, place.path, settings.seed, number)
                    .guided_by(self.teacher.as_ref())
                    .behind(self.net.mask.as_ref());
                gradients_of(&self.net, objective.loss(&model, batch, &mut carry), Some(&mut carry))?
            } else {
                self.in_parallel(batch, (spec, settings), place, number)?
            };
            if let (Some(needs), Some(mask)) = (objective.mask(), &self.net.mask) {
                gradient::scale(&mut gradients, mask, needs.gain);
            }
            if let Some(limit) = settings.clip {
                gradient::clip(&mut gradients, &self.net, limit);
            }
            self.net = self.optimizer.step(rate, self.net.clone(), gradients).settled();
            losses += loss;
        }
        if let (Some(decay), Some(average)) = (settings.average, self.average.take()) {
            let frozen = objective.mask().is_some_and(|needs| needs.frozen_classifier);
            self.average = Some(blend(average, &self.net.valid(), decay, frozen));
        }
        Ok(losses / replays as f64)
    }

    /// Each device takes its share of the batch with a copy of the network; gradients are averaged by the number of images
    /// on the first. Batch statistics are each share's own, and the running ones are the first share's.
    fn in_parallel(
        &self,
        batch: &Batch,
        (spec, settings): (&NetSpec, &Settings),
        place: Place,
        number: u64,
    ) -> Result<(f64, GradientsParams), NotFinite> {
        let shares = batch.shares(1 + place.shards.len());
        // Copied before any of them runs: a forward pass moves the running statistics of the network.
        let copies: Vec<Share> = std::iter::once(place.device)
            .chain(place.shards)
            .zip(&shares)
            .enumerate()
            .map(|(i, (device, share))| self.share(i, share, device))
            .collect();
        let run = |share: &Share| {
            let model = Model::new(&share.net.net, spec, place.path, settings.seed, number)
                .guided_by(share.teacher.as_ref())
                .behind(share.net.mask.as_ref());
            let loss = settings.method.objective().loss(&model, &share.batch, &mut Carry::default());
            gradients_of(&share.net, loss, None)
        };
        let results: Vec<_> = copies.par_iter().map(run).collect();
        let mut sum = GradientsAccumulator::new();
        let mut losses = 0.0;
        for (result, share) in results.into_iter().zip(&shares) {
            let (loss, gradients) = result?;
            let weight = share.len() as f64 / batch.len() as f64;
            let mut gradients = gradients.to_device(place.device, &self.net);
            gradient::scale(&mut gradients, &self.net, weight);
            sum.accumulate(&self.net, gradients);
            losses += weight * loss;
        }
        Ok((losses, sum.grads()))
    }

    /// What device number `index` works with; the first one takes the network itself.
    fn share(&self, index: usize, batch: &Batch, device: &Device) -> Share {
        let net = if index == 0 { self.net.clone() } else { replica(&self.net, device).train() };
        let teacher = self.teacher.as_ref().map(|teacher| replica(teacher, device));
        Share { net, teacher, batch: batch.clone().to_device(device) }
    }
}

/// A device's part of a step.
struct Share {
    net: Defence,
    teacher: Option<Network>,
    batch: Batch,
}

/// A copy of `net` on `device`, without autodiff, that shares nothing with it.
fn replica<M: Module>(net: &M, device: &Device) -> M {
    net.valid().fork(device)
}

/// The running average; what is frozen is not averaged with itself, which would round it.
fn blend(average: Defence, now: &Defence, decay: f64, frozen: bool) -> Defence {
    if !frozen {
        return gradient::blend(average, now, decay);
    }
    let mask = average.mask.zip(now.mask.as_ref()).map(|(old, now)| gradient::blend(old, now, decay));
    Defence { net: average.net, mask }
}

fn gradients_of(
    net: &Defence,
    loss: Tensor<1>,
    carry: Option<&mut Carry>,
) -> Result<(f64, GradientsParams), NotFinite> {
    let value = loss.clone().into_scalar::<f32>();
    if !value.is_finite() {
        return Err(NotFinite(value));
    }
    let gradients = loss.backward();
    if let Some(carry) = carry {
        carry.collect(&gradients);
    }
    Ok((f64::from(value), GradientsParams::from_grads(gradients, net)))
}
