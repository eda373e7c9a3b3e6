//! What a method must offer the training loop.

use super::batch::Batch;
use super::model::Model;
use crate::attacks::Pgd;
use burn::tensor::{Gradients, Tensor};

/// What one replay of a batch leaves for the next (Free adversarial training).
#[derive(Debug, Default)]
pub struct Carry {
    /// The perturbation, not on an autodiff device.
    pub perturbation: Option<Tensor<4>>,
    /// The input whose gradient the next replay needs.
    pub watched: Option<Tensor<4>>,
    /// That gradient, once the loop has called [`collect`](Self::collect).
    pub gradient: Option<Tensor<4>>,
}

impl Carry {
    /// Keeps the gradient of the watched input.
    pub fn collect(&mut self, gradients: &Gradients) {
        self.gradient = self.watched.take().and_then(|x| x.grad(gradients));
    }
}

/// What a method that trains a mask asks of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Needs {
    /// The mask that belongs to it; another one must be of the same kind.
    pub usual: &'static str,
    /// Factor of the mask's gradients.
    pub gain: f64,
    /// Whether only the mask learns.
    pub frozen_classifier: bool,
    /// Whether it must be told where the objects are ([`Batch::objects`]).
    pub supervised: bool,
}

/// A training method.
pub trait Objective {
    /// The loss to be minimised on `batch`: one number, a mean over images.
    fn loss(&self, model: &Model, batch: &Batch, carry: &mut Carry) -> Tensor<1>;

    /// Forward-backward passes an image costs in one step.
    fn cost(&self) -> f64;

    /// Optimiser steps made on each batch.
    fn replays(&self) -> u32 {
        1
    }

    /// Whether the data already carries the noise: one noisy copy of each image.
    fn noisy_data(&self) -> bool {
        false
    }

    /// Whether it trains for noise of [`Batch::sigma`], which must then be given.
    fn smooths(&self) -> bool {
        false
    }

    /// Whether a trained network must guide it.
    fn needs_teacher(&self) -> bool {
        false
    }

    /// What it asks for, if it trains a mask.
    fn mask(&self) -> Option<Needs> {
        None
    }

    /// The attack that it trains against, which its validation also uses.
    fn attack(&self) -> Option<Pgd> {
        None
    }
}
