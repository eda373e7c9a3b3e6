//! Everything that determines a network but its weights.

use super::arch::Architecture;
use super::mask::MaskSpec;
use crate::error::Error;
use crate::noise::NoiseSpec;
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
    /// Noise that is part of the network; absent in files from before there was any.
    #[serde(default, skip_serializing_if = "NoiseSpec::is_none")]
    pub noise: NoiseSpec,
    /// What weights the pixels before it (adaptive smoothing); absent in files of plain networks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskSpec>,
}

impl NetSpec {
    /// Checks that the network, and its mask if there is one, take images of this size.
    ///
    /// # Errors
    /// Naming the network and the smallest image it takes.
    pub fn check(&self) -> Result<(), Error> {
        let ([c, h, w], least) = (self.input, self.architecture.smallest());
        if h.min(w) >= least {
            return self.mask.map_or(Ok(()), |mask| mask.check(self.input));
        }
        let name = self.architecture;
        Err(Error::Settings(format!(
            "--net {name}: {c}x{h}x{w} images: expected at least {least}x{least} pixels"
        )))
    }
}
