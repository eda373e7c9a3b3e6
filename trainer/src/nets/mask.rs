//! What weights the pixels of an image in adaptive smoothing: a network that looks at a noisy copy of it, or one plane for all.

use super::unet::UNet;
use crate::error::Error;
use crate::noise::lift;
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Shares of the first step in the budget of noise that are possible, those of `ringfence compile --budget-split`.
const SPLITS: std::ops::RangeInclusive<f64> = 0.01..=0.99;
/// Most channels of a mask network at full size.
const WIDEST: usize = 256;

/// Everything that determines a mask but its weights. Written `unet:BASE` or `static`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MaskSpec {
    /// A U-net of `base` channels at full size; the first of two steps has the share `split` of the budget of noise
    /// (Lyu et al. 2024, arXiv:2406.10427).
    #[serde(rename = "unet")]
    UNet {
        /// Channels at full size, 1 to 256.
        base: usize,
        /// Share of the first step, 0.01 to 0.99.
        split: f64,
    },
    /// One plane for every image, all noise in one step (their baseline).
    Static,
}

impl fmt::Display for MaskSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UNet { base, .. } => write!(f, "unet:{base}"),
            Self::Static => f.write_str("static"),
        }
    }
}

/// A text that names no mask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no mask: expected unet:BASE with 1 to {WIDEST} channels, or static")]
pub struct UnknownMask(String);

impl FromStr for MaskSpec {
    type Err = UnknownMask;

    /// Reads `unet:BASE`, with half of the budget for each step, or `static`.
    fn from_str(text: &str) -> Result<Self, UnknownMask> {
        if text == "static" {
            return Ok(Self::Static);
        }
        let base = text.strip_prefix("unet:").and_then(|base| base.parse().ok());
        match base.filter(|base| (1..=WIDEST).contains(base)) {
            Some(base) => Ok(Self::UNet { base, split: 0.5 }),
            None => Err(UnknownMask(text.into())),
        }
    }
}

impl MaskSpec {
    /// The same with the share `split` for the first step.
    ///
    /// # Errors
    /// A share out of range, or a mask that has one step.
    pub fn with_split(self, split: f64) -> Result<Self, Error> {
        let refuse = |reason: &str| Error::Settings(format!("--budget-split {split}: {reason}"));
        match self {
            Self::UNet { base, .. } if SPLITS.contains(&split) => Ok(Self::UNet { base, split }),
            Self::UNet { .. } => Err(refuse("expected 0.01 to 0.99")),
            Self::Static => Err(refuse("a static mask has one step")),
        }
    }

    /// Share of the first step in the budget, where there are two.
    #[must_use]
    pub fn split(self) -> Option<f64> {
        match self {
            Self::UNet { split, .. } => Some(split),
            Self::Static => None,
        }
    }

    /// Checks that there is such a mask for images `[channels, height, width]`.
    ///
    /// # Errors
    /// Naming the mask and the extents it takes.
    pub fn check(self, [channels, height, width]: [usize; 3]) -> Result<(), Error> {
        let factor = UNet::FACTOR;
        let fits = |side: usize| side.is_multiple_of(factor) && side >= 2 * factor;
        if self == Self::Static || (fits(height) && fits(width)) {
            return Ok(());
        }
        let least = 2 * factor;
        Err(Error::Settings(format!(
            "--mask {self}: {channels}x{height}x{width} images: expected sides that are multiples of {factor}, at least {least}"
        )))
    }
}

/// One plane `[1, 1, height, width]` of weights in `[0, 1]`, ones at first.
#[derive(Module, Debug)]
pub struct StaticMask {
    /// The weights.
    pub plane: Param<Tensor<4>>,
}

impl StaticMask {
    fn new([_, height, width]: [usize; 3], device: &Device) -> Self {
        Self { plane: Param::from_tensor(Tensor::ones([1, 1, height, width], device)) }
    }

    /// The same with weights moved into `[0, 1]`.
    fn clamped(self) -> Self {
        let clamp = |plane: Tensor<4>| {
            if !plane.is_autodiff() {
                return plane.clamp(0.0, 1.0);
            }
            let learned = plane.is_require_grad();
            plane.inner().clamp(0.0, 1.0).autodiff().set_require_grad(learned)
        };
        Self { plane: self.plane.map(clamp) }
    }
}

/// Weights of pixels, in `[0, 1]`.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // a run has one
pub enum Mask {
    /// From a network that sees a noisy image.
    UNet(UNet),
    /// The same for every image.
    Static(StaticMask),
}

impl Mask {
    /// A mask with initial weights from `seed`, for images `[channels, height, width]`.
    #[must_use]
    pub fn new(spec: MaskSpec, input: [usize; 3], device: &Device, seed: u64) -> Self {
        match spec {
            // Not the numbers that the classifier of the same seed begins with.
            MaskSpec::UNet { base, .. } => Self::UNet(UNet::new(input, base, device, !seed)),
            MaskSpec::Static => Self::Static(StaticMask::new(input, device)),
        }
    }

    /// A mask to be loaded.
    #[must_use]
    pub fn blank(spec: MaskSpec, input: [usize; 3], device: &Device) -> Self {
        match spec {
            MaskSpec::UNet { base, .. } => Self::UNet(UNet::blank(input, base, device)),
            MaskSpec::Static => Self::Static(StaticMask::new(input, device)),
        }
    }

    /// Weights `[n, 1, height, width]` for images `[n, channels, height, width]`, noise included.
    #[must_use]
    pub fn forward(&self, images: Tensor<4>, path: super::Path) -> Tensor<4> {
        match self {
            Self::UNet(net) => net.forward(images, path),
            Self::Static(mask) => {
                let [n, _, height, width] = images.dims();
                lift(mask.plane.val(), &images.device()).expand([n, 1, height, width])
            }
        }
    }

    /// What an optimiser's step leaves, brought back into its range.
    #[must_use]
    pub fn settled(self) -> Self {
        match self {
            Self::UNet(_) => self,
            Self::Static(mask) => Self::Static(mask.clamped()),
        }
    }
}
