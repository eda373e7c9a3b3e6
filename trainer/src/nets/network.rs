//! A network of any family, and how it is evaluated.

use super::block::Path;
use super::resnet::{NetSpec, ResNet};
use crate::random::{Normals, Stream, stream};
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};

/// One set of values of all noise layers: the same key gives the same values, on every device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Seed of the run.
    pub seed: u64,
    /// The forward pass within it.
    pub index: u64,
}

impl Draw {
    /// Standard normal values of noise layer `layer`, which are shared by all images of the batch.
    #[must_use]
    pub fn normal<const D: usize>(self, layer: u32, shape: [usize; D], device: &Device) -> Tensor<D> {
        let mut random = Normals::new(stream(self.seed, Stream::Layer { draw: self.index, layer }));
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.draw()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// How a forward pass is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// By which operations.
    pub path: Path,
    /// Values of the noise layers; none switches them off. A network without noise layers ignores it.
    pub draw: Option<Draw>,
}

impl Pass {
    /// A pass with the noise layers off.
    #[must_use]
    pub fn quiet(path: Path) -> Self {
        Self { path, draw: None }
    }
}

/// A network of any family.
#[derive(Module, Debug)]
pub enum Network {
    /// A residual network for small images.
    ResNet(ResNet),
}

impl Network {
    /// A network with initial weights drawn from `seed`.
    #[must_use]
    pub fn new(spec: &NetSpec, device: &Device, seed: u64) -> Self {
        Self::ResNet(ResNet::new(spec, device, seed))
    }

    /// Trained numbers: weights, scales and shifts, not the running statistics.
    #[must_use]
    pub fn parameters(&self) -> usize {
        match self {
            Self::ResNet(net) => net.parameters(),
        }
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` in `[0, 1]`.
    #[must_use]
    pub fn forward(&self, spec: &NetSpec, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        match self {
            Self::ResNet(net) => net.forward(spec, images, pass.path),
        }
    }
}
