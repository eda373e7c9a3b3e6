//! A network of any family.

use super::arch::Family;
use super::build::Builder;
use super::cnn::Cnn;
use super::count;
use super::init::Init;
use super::pass::Pass;
use super::preact::PreActNet;
use super::resnet::ResNet;
use super::spec::NetSpec;
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// A network of any family.
#[derive(Module, Debug)]
pub enum Network {
    /// A residual network for small images.
    ResNet(ResNet),
    /// A pre-activation residual network.
    PreAct(PreActNet),
    /// A plain convolutional network.
    Cnn(Cnn),
}

impl Network {
    /// A network with initial weights drawn from `seed`.
    #[must_use]
    pub fn new(spec: &NetSpec, device: &Device, seed: u64) -> Self {
        Self::build(spec, Init::new(device, seed))
    }

    /// A network with weights of zero, to be loaded.
    #[must_use]
    pub fn blank(spec: &NetSpec, device: &Device) -> Self {
        Self::build(spec, Init::blank(device))
    }

    fn build(spec: &NetSpec, init: Init) -> Self {
        let mut build = Builder::new(init, &spec.noise);
        match spec.architecture.family() {
            Family::ResNet { blocks } => Self::ResNet(ResNet::new(spec, blocks, &mut build)),
            Family::PreAct(plan) => Self::PreAct(PreActNet::new(spec, plan, &mut build)),
            Family::Cnn(plan) => Self::Cnn(Cnn::new(spec, plan, &mut build)),
        }
    }

    /// Trained numbers: weights, scales, shifts and noise strengths, not the running statistics.
    #[must_use]
    pub fn parameters(&self) -> usize {
        count::parameters(self)
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` in `[0, 1]`.
    #[must_use]
    pub fn forward(&self, spec: &NetSpec, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        match self {
            Self::ResNet(net) => net.forward(spec, images, pass),
            Self::PreAct(net) => net.forward(spec, images, pass),
            Self::Cnn(net) => net.forward(spec, images, pass),
        }
    }
}
