//! Small random networks, a writer of model files for them, and a plain evaluator of the same networks.
//!
//! Shared by the tests and by the benchmarks.

// Each user needs a part of it only.
#![allow(dead_code, unused_imports)]

mod network;
mod oracle;
mod random;
mod write;

pub use network::{Conv, Layer, Network, Shape, Sum, Weights};
pub use random::{
    Rng, Style, noisy_image, random_conv, random_conv_of, random_curved, random_join, random_network,
    resnet20, unet,
};
pub use write::reseal;
