//! The networks.

mod arch;
mod block;
mod build;
mod cnn;
mod conv;
mod count;
mod defence;
mod ends;
mod fused;
mod init;
mod mask;
mod network;
mod pass;
mod preact;
mod resnet;
mod spec;
mod unet;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::noise::Draw;
pub use arch::{Architecture, CnnPlan, Family, PreActPlan, UnknownArchitecture};
pub use block::Residual;
pub use build::{Builder, Geometry};
pub use cnn::{Cnn, Dense};
pub use conv::{ConvNorm, Convolution};
pub use count::parameters;
pub use defence::Defence;
pub use init::Init;
pub use mask::{Mask, MaskSpec, StaticMask, UnknownMask};
pub use network::Network;
pub use pass::{Pass, Path};
pub use preact::{PreActBlock, PreActNet};
pub use resnet::ResNet;
pub use spec::NetSpec;
pub(crate) use unet::SLOPE;
pub use unet::{Down, Pair, UNet, Up};
