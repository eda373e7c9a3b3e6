//! Residual networks for small images (He et al. 2016, section 4.2), with projection shortcuts.

use super::block::Residual;
use super::build::{Builder, Geometry};
use super::conv::ConvNorm;
use super::ends::{average, dense, enter};
use super::pass::Pass;
use super::spec::NetSpec;
use crate::noise::{ImageNoise, LayerNoise};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;

/// Stem, three stages of residual blocks, global average pool and a linear layer.
#[derive(Module, Debug)]
pub struct ResNet {
    /// Noise on the image.
    pub image_noise: ImageNoise,
    /// First convolution.
    pub stem: ConvNorm,
    /// Residual blocks of all stages.
    pub blocks: Vec<Residual>,
    /// Classifier.
    pub head: Linear,
    /// Noise of the classifier.
    pub head_noise: LayerNoise,
}

impl ResNet {
    /// A network of `blocks` blocks a stage.
    #[must_use]
    pub fn new(spec: &NetSpec, blocks: usize, build: &mut Builder) -> Self {
        let [inputs, height, width] = spec.input;
        let mut extent = [height, width];
        let stem = build.conv_norm(Geometry::same([inputs, 16], 3, 1, extent));
        let mut stages = vec![];
        let mut channels = 16;
        for (width, stride) in [(16, 1), (32, 2), (64, 2)] {
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                let (block, output) = Residual::new([channels, width], stride, extent, build);
                stages.push(block);
                (channels, extent) = (width, output);
            }
        }
        let (head, head_noise) = build.linear([channels, spec.classes.len()]);
        Self { image_noise: build.image_noise(), stem, blocks: stages, head, head_noise }
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` in `[0, 1]`.
    #[must_use]
    pub fn forward(&self, spec: &NetSpec, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        let x = enter(spec, &self.image_noise, images, pass);
        let mut h = self.stem.forward(x, None, true, pass);
        for block in &self.blocks {
            h = block.forward(h, pass);
        }
        dense(&self.head, &self.head_noise, average(h, pass.path), pass.draw)
    }
}
