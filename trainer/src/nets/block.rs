//! The residual block of two convolutions.

use super::build::{Builder, Geometry};
use super::conv::ConvNorm;
use super::pass::Pass;
use burn::module::Module;
use burn::tensor::Tensor;

/// Two 3x3 convolutions and a shortcut: identity, or a 1x1 convolution where the shape changes.
#[derive(Module, Debug)]
pub struct Residual {
    /// First convolution, which carries the stride.
    pub first: ConvNorm,
    /// Second convolution.
    pub second: ConvNorm,
    /// The 1x1 projection, where the shortcut is not the identity.
    pub shortcut: Option<ConvNorm>,
}

impl Residual {
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
        let projects = stride != 1 || channels[0] != channels[1];
        let block = Self {
            first: build.conv_norm(first),
            second: build.conv_norm(second),
            shortcut: projects.then(|| build.conv_norm(Geometry::same(channels, 1, stride, extent))),
        };
        (block, first.output())
    }

    /// The block's output, after its ReLU.
    #[must_use]
    pub fn forward(&self, x: Tensor<4>, pass: Pass) -> Tensor<4> {
        let h = self.first.forward(x.clone(), None, true, pass);
        let shortcut = match &self.shortcut {
            Some(s) => s.forward(x, None, false, pass),
            None => x,
        };
        self.second.forward(h, Some(shortcut), true, pass)
    }
}
