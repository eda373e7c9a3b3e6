//! Pre-activation residual networks: PreAct-ResNet (He et al. 2016b) and wide ones (Zagoruyko and Komodakis 2016).

use super::arch::PreActPlan;
use super::build::{Builder, Geometry};
use super::conv::{ConvNorm, Convolution, normalise};
use super::ends::{average, dense, enter};
use super::pass::{Pass, Path};
use super::spec::NetSpec;
use crate::noise::{ImageNoise, LayerNoise};
use burn::module::Module;
use burn::nn::{BatchNorm, Linear};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

/// `a = relu(norm(x))`, two 3x3 convolutions of `a`, and a shortcut: `x`, or a 1x1 convolution of `a` where the
/// shape changes.
#[derive(Module, Debug)]
pub struct PreActBlock {
    /// Normalisation of the input.
    pub norm: BatchNorm,
    /// First convolution, which carries the stride, and the normalisation after it.
    pub first: ConvNorm,
    /// Second convolution.
    pub second: Convolution,
    /// The 1x1 projection, where the shortcut is not the identity.
    pub shortcut: Option<Convolution>,
}

impl PreActBlock {
    /// A block from `channels[0]` to `channels[1]` on images of `extent`, and the extent of its output.
    #[must_use]
    pub fn new(
        channels: [usize; 2],
        stride: usize,
        extent: [usize; 2],
        build: &mut Builder,
    ) -> (Self, [usize; 2]) {
        let first = Geometry::same(channels, 3, stride, extent);
        let second = Geometry::same([channels[1]; 2], 3, 1, first.output());
        let projection = Geometry::same(channels, 1, stride, extent);
        let projects = stride != 1 || channels[0] != channels[1];
        let block = Self {
            norm: build.norm(channels[0]),
            first: build.conv_norm(first),
            second: build.convolution(second, false),
            shortcut: projects.then(|| build.convolution(projection, false)),
        };
        (block, first.output())
    }

    /// The block's output, a sum without activation.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, pass: Pass) -> Tensor<4> {
        let a = activate(&self.norm, x.clone(), pass.path);
        let shortcut = match &self.shortcut {
            Some(layer) => layer.forward(a.clone(), None, false, pass),
            None => x,
        };
        let h = self.first.forward(a, None, true, pass);
        self.second.forward(h, Some(shortcut), false, pass)
    }
}

fn activate(norm: &BatchNorm, x: Tensor<4>, path: Path) -> Tensor<4> {
    relu(normalise(norm, x, path))
}

/// Stem, stages of pre-activation blocks, normalisation, ReLU, global average pool and a linear layer.
#[derive(Module, Debug)]
pub struct PreActNet {
    /// Noise on the image.
    pub image_noise: ImageNoise,
    /// First convolution.
    pub stem: Convolution,
    /// Blocks of all stages.
    pub blocks: Vec<PreActBlock>,
    /// Normalisation after the last block.
    pub norm: BatchNorm,
    /// Classifier.
    pub head: Linear,
    /// Noise of the classifier.
    pub head_noise: LayerNoise,
}

impl PreActNet {
    /// A network of the shape `plan`.
    #[must_use]
    pub fn new(spec: &NetSpec, plan: PreActPlan, build: &mut Builder) -> Self {
        let [inputs, height, width] = spec.input;
        let mut extent = [height, width];
        let stem = build.convolution(Geometry::same([inputs, plan.stem], 3, 1, extent), false);
        let mut blocks = vec![];
        let mut channels = plan.stem;
        for stage in 0..plan.stages {
            let width = plan.first << stage;
            for block in 0..plan.blocks {
                let stride = if block == 0 && stage > 0 { 2 } else { 1 };
                let (block, output) = PreActBlock::new([channels, width], stride, extent, build);
                blocks.push(block);
                (channels, extent) = (width, output);
            }
        }
        let (head, head_noise) = build.linear([channels, spec.classes.len()]);
        Self { image_noise: build.image_noise(), stem, blocks, norm: build.norm(channels), head, head_noise }
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` in `[0, 1]`.
    #[must_use]
    pub fn forward(&self, spec: &NetSpec, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        let x = enter(spec, &self.image_noise, images, pass);
        let mut h = self.stem.forward(x, None, false, pass);
        for block in &self.blocks {
            h = block.forward(h, pass);
        }
        let h = activate(&self.norm, h, pass.path);
        dense(&self.head, &self.head_noise, average(h, pass.path), pass.draw)
    }
}
