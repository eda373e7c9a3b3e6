//! Residual networks on images in `[0, 1]`, their input normalisation inside.

use super::arch::Architecture;
use super::block::{ConvNorm, Path, Residual};
use super::init::Init;
use burn::module::{Module, Param};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

/// Everything that determines a network but its weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetSpec {
    /// The family member.
    pub architecture: Architecture,
    /// Input channels, height and width.
    pub input: [usize; 3],
    /// Class names in label order; their number is the number of logits.
    pub classes: Vec<String>,
    /// Per-channel mean subtracted from pixels in `[0, 1]`.
    pub mean: Vec<f32>,
    /// Per-channel deviation the difference is divided by.
    pub deviation: Vec<f32>,
}

/// Stem, three stages of residual blocks, global average pool and a linear layer.
#[derive(Module, Debug)]
pub struct ResNet {
    /// First convolution.
    pub stem: ConvNorm,
    /// Residual blocks of all stages.
    pub blocks: Vec<Residual>,
    /// Classifier.
    pub head: Linear,
}

impl ResNet {
    /// A network with initial weights drawn from `seed`.
    #[must_use]
    pub fn new(spec: &NetSpec, device: &Device, seed: u64) -> Self {
        let mut init = Init::new(device, seed);
        let stem = ConvNorm::new([spec.input[0], 16], 3, 1, &mut init);
        let mut blocks = vec![];
        let mut channels = 16;
        for (width, stride) in [(16, 1), (32, 2), (64, 2)] {
            for block in 0..spec.architecture.blocks() {
                let stride = if block == 0 { stride } else { 1 };
                blocks.push(Residual::new([channels, width], stride, &mut init));
                channels = width;
            }
        }
        let mut head = LinearConfig::new(channels, spec.classes.len()).init(device);
        head.weight = Param::from_tensor(init.linear([channels, spec.classes.len()]));
        head.bias = Some(Param::from_tensor(Tensor::zeros([spec.classes.len()], device)));
        Self { stem, blocks, head }
    }

    /// Trained numbers: weights, scales and shifts, not the running statistics.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let of = |layer: &ConvNorm| {
            layer.conv.weight.shape().num_elements() + 2 * layer.norm.gamma.shape().num_elements()
        };
        let blocks =
            self.blocks.iter().flat_map(|b| [Some(&b.first), Some(&b.second), b.shortcut.as_ref()]).flatten();
        let head = self.head.weight.shape().num_elements();
        let bias = self.head.bias.as_ref().map_or(0, |b| b.shape().num_elements());
        of(&self.stem) + blocks.map(of).sum::<usize>() + head + bias
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]` in `[0, 1]`.
    #[must_use]
    pub fn forward(&self, spec: &NetSpec, images: Tensor<4>, path: Path) -> Tensor<2> {
        let device = images.device();
        let channels = spec.input[0];
        let mean = Tensor::<1>::from_data(spec.mean.as_slice(), &device).reshape([1, channels, 1, 1]);
        let deviation =
            Tensor::<1>::from_data(spec.deviation.as_slice(), &device).reshape([1, channels, 1, 1]);
        let x = (images - mean) / deviation;
        let x = match path {
            Path::Fused => x.permute([0, 2, 3, 1]),
            Path::Stock => x,
        };
        let mut h = self.stem.forward(x, None, true, path);
        for block in &self.blocks {
            h = block.forward(h, path);
        }
        let pooled = match path {
            Path::Fused => {
                let [n, height, width, c] = h.dims();
                h.reshape([n, height * width, c]).mean_dim(1).reshape([n, c])
            }
            Path::Stock => {
                let [n, c, height, width] = h.dims();
                h.reshape([n, c, height * width]).mean_dim(2).reshape([n, c])
            }
        };
        self.head.forward(pooled)
    }
}
