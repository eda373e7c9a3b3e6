//! Plain convolutional networks: those of Madry et al., TRADES, and Carlini and Wagner; and the perceptron.

use super::arch::CnnPlan;
use super::build::{Builder, Geometry};
use super::conv::{Convolution, nchw};
use super::ends::{dense, enter};
use super::pass::{Pass, Path};
use super::spec::NetSpec;
use crate::noise::{ImageNoise, LayerNoise};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

/// A linear layer and its noise.
#[derive(Module, Debug)]
pub struct Dense {
    /// The layer, weights `[in, out]`.
    pub linear: Linear,
    /// The noise.
    pub noise: LayerNoise,
}

/// Stages of convolutions with ReLU, each ended by a 2x2 max pool; then linear layers with ReLU between.
#[derive(Module, Debug)]
pub struct Cnn {
    /// Noise on the image.
    pub image_noise: ImageNoise,
    /// Convolutions of each stage.
    pub stages: Vec<Vec<Convolution>>,
    /// Hidden linear layers and the classifier, which reads the pixels channel by channel.
    pub dense: Vec<Dense>,
}

impl Cnn {
    /// A network of the shape `plan`; images must have the size that [`NetSpec::check`] wants.
    #[must_use]
    pub fn new(spec: &NetSpec, plan: CnnPlan, build: &mut Builder) -> Self {
        let [mut channels, height, width] = spec.input;
        let mut extent = [height, width];
        let mut stages = vec![];
        for widths in plan.stages {
            let mut stage = vec![];
            for &width in *widths {
                let CnnPlan { side, pad, .. } = plan;
                let shape = Geometry { channels: [channels, width], side, stride: 1, pad, extent };
                stage.push(build.convolution(shape, true));
                (channels, extent) = (width, shape.output());
            }
            stages.push(stage);
            extent = extent.map(|e| e / 2);
        }
        let mut features = channels * extent[0] * extent[1];
        let mut layers = vec![];
        for &units in plan.hidden.iter().chain([&spec.classes.len()]) {
            let (linear, noise) = build.linear([features, units]);
            layers.push(Dense { linear, noise });
            features = units;
        }
        Self { image_noise: build.image_noise(), stages, dense: layers }
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` in `[0, 1]`.
    #[must_use]
    pub fn forward(&self, spec: &NetSpec, images: Tensor<4>, pass: Pass) -> Tensor<2> {
        let mut h = enter(spec, &self.image_noise, images, pass);
        for stage in &self.stages {
            for layer in stage {
                h = layer.forward(h, None, true, pass);
            }
            h = nchw(h, pass.path, |h| max_pool2d(h, MaxPoolOptions::new([2, 2])));
        }
        let h = match pass.path {
            Path::Fused => h.permute([0, 3, 1, 2]),
            Path::Stock => h,
        };
        let mut h: Tensor<2> = h.flatten(1, 3);
        for (i, layer) in self.dense.iter().enumerate() {
            h = dense(&layer.linear, &layer.noise, if i == 0 { h } else { relu(h) }, pass.draw);
        }
        h
    }
}
