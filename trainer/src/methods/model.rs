//! The network as a method sees it: in training, or frozen for an attack.

use super::batch::Batch;
use crate::adaptive::{Seen, look};
use crate::attacks::{Pgd, Start};
use crate::nets::{Draw, Mask, NetSpec, Network, Pass, Path};
use burn::module::{Flag, Module, ModuleMapper, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::cell::Cell;

/// Forward passes that one step may number.
const PASSES: u64 = 1 << 16;

/// How a network is taken while an attack is made in training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Craft {
    /// With its running statistics (TRADES, MART, smoothing methods).
    Evaluation,
    /// With each batch's own statistics, which do not enter the running ones (Madry, Fast AT).
    Training,
}

/// The network of a step.
#[derive(Debug)]
pub struct Model<'a> {
    /// On an autodiff device.
    pub net: &'a Network,
    /// Its shape.
    pub spec: &'a NetSpec,
    /// How it is computed.
    pub path: Path,
    /// A trained network whose predictions guide the method, where one needs it; not on an autodiff device.
    teacher: Option<&'a Network>,
    /// What weights the pixels, where something does; on an autodiff device.
    mask: Option<&'a Mask>,
    seed: u64,
    next: Cell<u64>,
}

impl<'a> Model<'a> {
    /// The network in step `step` of the run of `seed`: noise layers draw anew in every pass of every step.
    #[must_use]
    pub fn new(net: &'a Network, spec: &'a NetSpec, path: Path, seed: u64, step: u64) -> Self {
        Self { net, spec, path, teacher: None, mask: None, seed, next: Cell::new(step * PASSES) }
    }

    /// The same with a teacher.
    #[must_use]
    pub fn guided_by(self, teacher: Option<&'a Network>) -> Self {
        Self { teacher, ..self }
    }

    /// The same behind a mask, of the kind that the network's shape names.
    #[must_use]
    pub fn behind(self, mask: Option<&'a Mask>) -> Self {
        Self { mask, ..self }
    }

    fn pass(&self) -> Pass {
        let index = self.next.get();
        self.next.set(index + 1);
        Pass { path: self.path, draw: Some(Draw { seed: self.seed, index }) }
    }

    /// Logits in training: gradients reach the parameters, batch statistics are the batch's own.
    #[must_use]
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.logits_of(images.autodiff())
    }

    /// The same of images that are on an autodiff device.
    #[must_use]
    pub fn logits_of(&self, images: Tensor<4>) -> Tensor<2> {
        self.net.forward(self.spec, images, self.pass())
    }

    /// What draw `draw` of the noise shows of `batch` through the mask, in training; none without a mask.
    #[must_use]
    pub fn look(&self, batch: &Batch, draw: u32) -> Option<Seen> {
        let mask = self.mask.zip(self.spec.mask)?;
        Some(look(mask, batch, (draw, self.path, true)))
    }

    /// The network with constant parameters.
    #[must_use]
    pub fn frozen(&self, craft: Craft) -> Frozen<'_> {
        let net = match craft {
            Craft::Evaluation => self.net.valid(),
            Craft::Training => self.net.valid().map(&mut Training),
        };
        Frozen { net, model: self }
    }

    /// The teacher, frozen.
    #[must_use]
    pub fn teacher(&self) -> Option<Frozen<'_>> {
        self.teacher.map(|net| Frozen { net: net.clone(), model: self })
    }
}

/// Lets normalisation take each batch's statistics again.
struct Training;

impl ModuleMapper for Training {
    fn map_flag(&mut self, flag: Param<Flag>) -> Param<Flag> {
        flag.with_value(true)
    }
}

/// A network whose parameters are constants.
#[derive(Debug)]
pub struct Frozen<'a> {
    net: Network,
    model: &'a Model<'a>,
}

impl Frozen<'_> {
    /// Logits, differentiable by the images if these are watched.
    #[must_use]
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.net.forward(self.model.spec, images, self.model.pass())
    }
}

/// Where `attack` begins for every image of `batch`.
#[must_use]
pub fn first_point(attack: &Pgd, batch: &Batch) -> Tensor<4> {
    first_point_of(attack, batch, 0)
}

/// Where restart `restart` of `attack` begins.
#[must_use]
pub fn first_point_of(attack: &Pgd, batch: &Batch, restart: u32) -> Tensor<4> {
    let images = batch.images.clone();
    match attack.start {
        Start::Image => images,
        Start::Jitter => images + batch.start_normal(restart).mul_scalar(1e-3),
        Start::Uniform => images + batch.random_in(&attack.ball(), restart),
    }
}
