//! The networks.

mod arch;
mod block;
mod init;
mod resnet;

#[cfg(test)]
mod tests;

pub use arch::{Architecture, UnknownArchitecture};
pub use block::{ConvNorm, Path, Residual};
pub use init::Init;
pub use resnet::{NetSpec, ResNet};
