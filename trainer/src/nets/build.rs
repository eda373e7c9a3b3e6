//! Makes a network's layers, in order: initial weights and the noise of each.

use super::conv::{ConvNorm, Convolution};
use super::init::Init;
use crate::noise::{ImageNoise, LayerNoise, NoiseSpec, Sites};
use burn::module::Param;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{BatchNorm, BatchNormConfig, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::Tensor;

/// Shape of a square convolution on images of one size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Input and output channels.
    pub channels: [usize; 2],
    /// Height and width of the kernel.
    pub side: usize,
    /// Step between windows.
    pub stride: usize,
    /// Zero pixels around the image, less than `side`.
    pub pad: usize,
    /// Height and width of the input.
    pub extent: [usize; 2],
}

impl Geometry {
    /// A convolution whose output has the input's size divided by the stride, rounded up (`side` odd).
    #[must_use]
    pub fn same(channels: [usize; 2], side: usize, stride: usize, extent: [usize; 2]) -> Self {
        Self { channels, side, stride, pad: side / 2, extent }
    }

    /// Height and width of the output.
    #[must_use]
    pub fn output(&self) -> [usize; 2] {
        self.extent.map(|e| (e + 2 * self.pad).saturating_sub(self.side) / self.stride + 1)
    }
}

/// Makes layers in the order they are asked for, which fixes their weights and noise sources.
#[derive(Debug)]
pub struct Builder {
    init: Init,
    sites: Sites,
    noise: NoiseSpec,
}

impl Builder {
    /// Layers with weights of `init` and the noise that `noise` says.
    #[must_use]
    pub fn new(init: Init, noise: &NoiseSpec) -> Self {
        let sites = Sites::new(noise, init.device());
        Self { init, sites, noise: noise.clone() }
    }

    fn conv(&mut self, shape: Geometry, bias: bool) -> (Conv2d, LayerNoise) {
        let Geometry { channels: [inputs, outputs], side, stride, pad, extent } = shape;
        let device = self.init.device().clone();
        let mut conv = Conv2dConfig::new([inputs, outputs], [side, side])
            .with_stride([stride, stride])
            .with_padding(PaddingConfig2d::Explicit(pad, pad, pad, pad))
            .with_bias(bias)
            .init(&device);
        let weight = [outputs, inputs, side, side];
        conv.weight = Param::from_tensor(self.init.he_normal(weight));
        conv.bias = bias.then(|| Param::from_tensor(Tensor::zeros([outputs], &device)));
        let [height, width] = shape.output();
        let images = ([inputs, extent[0], extent[1]], [outputs, height, width]);
        (conv, self.sites.convolution(weight, images.0, images.1))
    }

    /// Convolution without bias and its normalisation.
    pub fn conv_norm(&mut self, shape: Geometry) -> ConvNorm {
        let (conv, noise) = self.conv(shape, false);
        ConvNorm { conv, norm: self.norm(shape.channels[1]), noise }
    }

    /// Convolution alone, He-normal weights and a bias of zeros if it has one.
    pub fn convolution(&mut self, shape: Geometry, bias: bool) -> Convolution {
        let (conv, noise) = self.conv(shape, bias);
        Convolution { conv, noise }
    }

    /// Batch normalisation of `channels` channels.
    #[must_use]
    pub fn norm(&self, channels: usize) -> BatchNorm {
        BatchNormConfig::new(channels).init(self.init.device())
    }

    /// Linear layer with weights `[in, out]`, uniform, and a bias of zeros; with its noise.
    pub fn linear(&mut self, shape: [usize; 2]) -> (Linear, LayerNoise) {
        let device = self.init.device().clone();
        let mut linear = LinearConfig::new(shape[0], shape[1]).init(&device);
        linear.weight = Param::from_tensor(self.init.linear(shape));
        linear.bias = Some(Param::from_tensor(Tensor::zeros([shape[1]], &device)));
        (linear, self.sites.linear(shape))
    }

    /// Noise on the image.
    #[must_use]
    pub fn image_noise(&self) -> ImageNoise {
        ImageNoise::new(&self.noise, self.init.device())
    }
}
