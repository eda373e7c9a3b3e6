//! The network families: shapes and names.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A network for small images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Architecture {
    /// Residual network, stages of 16, 32 and 64 channels, one block a stage: the image classifier of MLPerf Tiny.
    ResNet8,
    /// Three blocks a stage (He et al. 2016, section 4.2), as are the deeper ones with 5, 7, 9 and 18.
    ResNet20,
    /// Five blocks a stage.
    ResNet32,
    /// Seven blocks a stage.
    ResNet44,
    /// Nine blocks a stage.
    ResNet56,
    /// Eighteen blocks a stage.
    ResNet110,
    /// Pre-activation network (He et al. 2016b), stages of 64 to 512 channels, two blocks a stage.
    PreActResNet18,
    /// Wide residual network (Zagoruyko and Komodakis 2016) without dropout: `wrn-DEPTH-WIDTH`.
    Wide {
        /// Convolutions in its longest path and the classifier: 6 n + 4 with n from 1 to 166.
        depth: usize,
        /// Multiple of the 16, 32 and 64 channels, from 1 to 100.
        width: usize,
    },
    /// The MNIST network of TRADES (Zhang et al. 2019) without its dropout: the layers of [`Self::CwMnist`].
    SmallCnn,
    /// The MNIST network of Madry et al. 2018; also the "LeNet5" of MMA (Ding et al. 2020).
    MadryMnist,
    /// The MNIST network of Carlini and Wagner 2017, table I, without dropout.
    CwMnist,
    /// The CIFAR network of Carlini and Wagner 2017, table I, without dropout.
    CwCifar,
    /// Two hidden layers of 1024 units.
    Mlp,
}

/// What a network is built of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Stages of 16, 32 and 64 channels.
    ResNet {
        /// Residual blocks of each stage.
        blocks: usize,
    },
    /// Pre-activation stages.
    PreAct(PreActPlan),
    /// Convolutions, pools and linear layers.
    Cnn(CnnPlan),
}

/// Shape of a pre-activation network; the first stage has stride 1, each later one 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreActPlan {
    /// Channels after the first convolution.
    pub stem: usize,
    /// Channels of the first stage; each later one doubles them.
    pub first: usize,
    /// Stages.
    pub stages: usize,
    /// Residual blocks of each stage.
    pub blocks: usize,
}

/// Shape of a plain convolutional network with biases and ReLU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CnnPlan {
    /// Height and width of the kernels.
    pub side: usize,
    /// Zero pixels around each image.
    pub pad: usize,
    /// Output channels of the convolutions; a 2x2 max pool ends each stage.
    pub stages: &'static [&'static [usize]],
    /// Units of the hidden linear layers.
    pub hidden: &'static [usize],
}

impl Architecture {
    /// Every architecture but the wide networks.
    pub const NAMED: [Self; 12] = [
        Self::ResNet8,
        Self::ResNet20,
        Self::ResNet32,
        Self::ResNet44,
        Self::ResNet56,
        Self::ResNet110,
        Self::PreActResNet18,
        Self::SmallCnn,
        Self::MadryMnist,
        Self::CwMnist,
        Self::CwCifar,
        Self::Mlp,
    ];

    /// What it is built of.
    #[must_use]
    pub fn family(self) -> Family {
        let valid = |stages, hidden| Family::Cnn(CnnPlan { side: 3, pad: 0, stages, hidden });
        match self {
            Self::ResNet8 => Family::ResNet { blocks: 1 },
            Self::ResNet20 => Family::ResNet { blocks: 3 },
            Self::ResNet32 => Family::ResNet { blocks: 5 },
            Self::ResNet44 => Family::ResNet { blocks: 7 },
            Self::ResNet56 => Family::ResNet { blocks: 9 },
            Self::ResNet110 => Family::ResNet { blocks: 18 },
            Self::PreActResNet18 => Family::PreAct(PreActPlan { stem: 64, first: 64, stages: 4, blocks: 2 }),
            Self::Wide { depth, width } => {
                let blocks = depth.saturating_sub(4) / 6;
                Family::PreAct(PreActPlan { stem: 16, first: 16 * width, stages: 3, blocks })
            }
            Self::SmallCnn | Self::CwMnist => valid(&[&[32, 32], &[64, 64]], &[200, 200]),
            Self::CwCifar => valid(&[&[64, 64], &[128, 128]], &[256, 256]),
            Self::MadryMnist => {
                Family::Cnn(CnnPlan { side: 5, pad: 2, stages: &[&[32], &[64]], hidden: &[1024] })
            }
            Self::Mlp => valid(&[], &[1024, 1024]),
        }
    }

    /// Least height and width of an image, in pixels.
    #[must_use]
    pub fn smallest(self) -> usize {
        match self.family() {
            Family::ResNet { .. } | Family::PreAct(_) => 1,
            // Backwards from one pixel: a pool halves, a convolution takes the border of its window.
            Family::Cnn(plan) => plan
                .stages
                .iter()
                .rev()
                .fold(1, |least, stage| 2 * least + stage.len() * (plan.side - 1 - 2 * plan.pad)),
        }
    }

    /// The name, if it is not that of a wide network.
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::ResNet8 => "resnet8",
            Self::ResNet20 => "resnet20",
            Self::ResNet32 => "resnet32",
            Self::ResNet44 => "resnet44",
            Self::ResNet56 => "resnet56",
            Self::ResNet110 => "resnet110",
            Self::PreActResNet18 => "preact-resnet18",
            Self::SmallCnn => "smallcnn",
            Self::MadryMnist => "madry-mnist",
            Self::CwMnist => "cw-mnist",
            Self::CwCifar => "cw-cifar",
            Self::Mlp => "mlp",
            Self::Wide { .. } => return None,
        })
    }

    /// The names a command line takes, for help and errors.
    #[must_use]
    pub fn names() -> String {
        let names = Self::NAMED.map(|a| a.to_string()).join(", ");
        format!("{names} or wrn-DEPTH-WIDTH (DEPTH 10, 16, 22, 28, ... to 1000, WIDTH 1 to 100)")
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.name(), self) {
            (Some(name), _) => f.write_str(name),
            (None, Self::Wide { depth, width }) => write!(f, "wrn-{depth}-{width}"),
            (None, _) => Ok(()),
        }
    }
}

/// A name that is no architecture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown network {0:?}: expected {names}", names = Architecture::names())]
pub struct UnknownArchitecture(String);

fn wide(name: &str) -> Option<Architecture> {
    let (depth, width) = name.strip_prefix("wrn-")?.split_once('-')?;
    let (depth, width) = (depth.parse().ok()?, width.parse().ok()?);
    let known = (10..=1000).contains(&depth) && depth % 6 == 4 && (1..=100).contains(&width);
    known.then_some(Architecture::Wide { depth, width })
}

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let named = Self::NAMED.into_iter().find(|a| a.name() == Some(name));
        named.or_else(|| wide(name)).ok_or_else(|| UnknownArchitecture(name.to_owned()))
    }
}

impl TryFrom<String> for Architecture {
    type Error = UnknownArchitecture;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        name.parse()
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> Self {
        architecture.to_string()
    }
}
