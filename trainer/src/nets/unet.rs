//! The mask network of adaptive randomized smoothing (Lyu et al. 2024; their `src/models/unet.py`): a U-net
//! (Ronneberger et al. 2015) whose output weights each pixel of the noisy image it sees.
//!
//! Left out: the 30 % channel dropout of the authors' training, which is the identity at inference.

use super::build::{Builder, Geometry};
use super::conv::{ConvNorm, Convolution, nchw};
use super::init::Init;
use super::pass::{Pass, Path};
use crate::noise::NoiseSpec;
use burn::module::Module;
use burn::tensor::activation::{leaky_relu, sigmoid};
use burn::tensor::ops::PadMode;
use burn::tensor::{Device, Tensor};

/// Slope of the leaky ReLU below 0.
pub(crate) const SLOPE: f64 = 0.01;
/// Channels of each level as multiples of the base; each level halves height and width.
const LEVELS: [usize; 4] = [1, 2, 4, 8];

/// Two times 3x3 convolution on the reflected image, batch normalisation, leaky ReLU.
#[derive(Module, Debug)]
pub struct Pair {
    /// First convolution.
    pub first: ConvNorm,
    /// Second convolution.
    pub second: ConvNorm,
}

impl Pair {
    fn new([inputs, outputs]: [usize; 2], extent: [usize; 2], build: &mut Builder) -> Self {
        Self {
            first: build.conv_norm(reflected([inputs, outputs], 1, extent)),
            second: build.conv_norm(reflected([outputs, outputs], 1, extent)),
        }
    }

    fn forward(&self, x: Tensor<4>, path: Path) -> Tensor<4> {
        step(&self.second, step(&self.first, x, path), path)
    }
}

/// A level on the way down.
#[derive(Module, Debug)]
pub struct Down {
    /// Its convolutions, whose output the way up sees again.
    pub pair: Pair,
    /// 3x3 convolution of stride 2.
    pub halve: ConvNorm,
}

/// A level on the way up.
#[derive(Module, Debug)]
pub struct Up {
    /// 1x1 convolution that halves the channels of the doubled image.
    pub narrow: Convolution,
    /// Convolutions of that image and, behind it, the same level's on the way down.
    pub pair: Pair,
}

/// A mask in `(0, 1)` for images of any height and width that are multiples of [`UNet::FACTOR`] and at least
/// twice that (a reflected border needs two pixels).
#[derive(Module, Debug)]
pub struct UNet {
    /// Levels on the way down.
    pub down: Vec<Down>,
    /// The lowest level.
    pub bottom: Pair,
    /// Levels on the way up, the lowest first.
    pub up: Vec<Up>,
    /// 1x1 convolution to one channel.
    pub out: Convolution,
}

/// A 3x3 convolution of an image that is reflected into a border of one pixel before.
fn reflected(channels: [usize; 2], stride: usize, extent: [usize; 2]) -> Geometry {
    Geometry { channels, side: 3, stride, pad: 0, extent: extent.map(|e| e + 2) }
}

fn step(layer: &ConvNorm, x: Tensor<4>, path: Path) -> Tensor<4> {
    let x = nchw(x, path, |x| x.pad([(1, 1), (1, 1)], PadMode::Reflect));
    leaky_relu(layer.forward(x, None, false, Pass::quiet(path)), SLOPE)
}

/// Every pixel twice in both directions, NCHW.
fn double(x: Tensor<4>) -> Tensor<4> {
    let [n, c, h, w] = x.dims();
    x.reshape([n, c, h, 1, w, 1]).expand([n, c, h, 2, w, 2]).reshape([n, c, 2 * h, 2 * w])
}

impl UNet {
    /// Height and width are multiples of this.
    pub const FACTOR: usize = 1 << (LEVELS.len() - 1);

    /// A network for images `[channels, height, width]` of `base` channels at full size (32 for CIFAR-10), with
    /// initial weights drawn from `seed`.
    #[must_use]
    pub fn new([channels, height, width]: [usize; 3], base: usize, device: &Device, seed: u64) -> Self {
        Self::build(channels, [height, width], base, Init::new(device, seed))
    }

    /// A network with weights of zero, to be loaded.
    #[must_use]
    pub fn blank([channels, height, width]: [usize; 3], base: usize, device: &Device) -> Self {
        Self::build(channels, [height, width], base, Init::blank(device))
    }

    fn build(inputs: usize, mut extent: [usize; 2], base: usize, init: Init) -> Self {
        let build = &mut Builder::new(init, &NoiseSpec::default());
        let [first, .., last] = LEVELS.map(|level| base * level);
        let (mut down, mut channels) = (vec![], inputs);
        for level in &LEVELS[..LEVELS.len() - 1] {
            let width = base * level;
            let pair = Pair::new([channels, width], extent, build);
            down.push(Down { pair, halve: build.conv_norm(reflected([width, width], 2, extent)) });
            (channels, extent) = (width, extent.map(|e| e / 2));
        }
        let bottom = Pair::new([channels, last], extent, build);
        let (mut up, mut channels) = (vec![], last);
        for _ in 1..LEVELS.len() {
            extent = extent.map(|e| 2 * e);
            let narrow = build.convolution(Geometry::same([channels, channels / 2], 1, 1, extent), true);
            up.push(Up { narrow, pair: Pair::new([channels, channels / 2], extent, build) });
            channels /= 2;
        }
        let out = build.convolution(Geometry::same([first, 1], 1, 1, extent), true);
        Self { down, bottom, up, out }
    }

    /// Mask `[batch, 1, height, width]` of images `[batch, channels, height, width]`, noise included.
    #[must_use]
    pub fn forward(&self, images: Tensor<4>, path: Path) -> Tensor<4> {
        let (pass, channel_axis) = match path {
            Path::Fused => (Pass::quiet(path), 3),
            Path::Stock => (Pass::quiet(path), 1),
        };
        let mut h = match path {
            Path::Fused => images.permute([0, 2, 3, 1]),
            Path::Stock => images,
        };
        let mut seen = vec![];
        for level in &self.down {
            let detail = level.pair.forward(h, path);
            h = step(&level.halve, detail.clone(), path);
            seen.push(detail);
        }
        h = self.bottom.forward(h, path);
        for (level, detail) in self.up.iter().zip(seen.into_iter().rev()) {
            let wide = level.narrow.forward(nchw(h, path, double), None, false, pass);
            h = level.pair.forward(Tensor::cat(vec![wide, detail], channel_axis), path);
        }
        let mask = sigmoid(self.out.forward(h, None, false, pass));
        match path {
            Path::Fused => mask.permute([0, 3, 1, 2]),
            Path::Stock => mask,
        }
    }
}
