//! The network families: shapes and names.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A residual network for small images, stages of 16, 32 and 64 channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// One block a stage: the image classifier of MLPerf Tiny.
    ResNet8,
    /// Three blocks a stage (He et al. 2016, section 4.2), as are the deeper ones with 5, 9 and 18.
    ResNet20,
    /// Five blocks a stage.
    ResNet32,
    /// Nine blocks a stage.
    ResNet56,
    /// Eighteen blocks a stage.
    ResNet110,
}

impl Architecture {
    /// Every architecture, by depth.
    pub const ALL: [Self; 5] =
        [Self::ResNet8, Self::ResNet20, Self::ResNet32, Self::ResNet56, Self::ResNet110];

    /// Residual blocks of each of the three stages.
    #[must_use]
    pub fn blocks(self) -> usize {
        match self {
            Self::ResNet8 => 1,
            Self::ResNet20 => 3,
            Self::ResNet32 => 5,
            Self::ResNet56 => 9,
            Self::ResNet110 => 18,
        }
    }

    /// The name on the command line and in cards.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ResNet8 => "resnet8",
            Self::ResNet20 => "resnet20",
            Self::ResNet32 => "resnet32",
            Self::ResNet56 => "resnet56",
            Self::ResNet110 => "resnet110",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown network {0:?}: expected resnet8, resnet20, resnet32, resnet56 or resnet110")]
pub struct UnknownArchitecture(String);

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|a| a.name() == name).ok_or_else(|| UnknownArchitecture(name.to_owned()))
    }
}
