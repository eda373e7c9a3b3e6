//! The networks.

mod arch;
mod block;
mod init;
mod network;
mod resnet;

#[cfg(test)]
mod tests;

pub use arch::{Architecture, UnknownArchitecture};
pub use block::{ConvNorm, Path, Residual};
pub use init::Init;
pub use network::{Draw, Network, Pass};
pub use resnet::{NetSpec, ResNet};
