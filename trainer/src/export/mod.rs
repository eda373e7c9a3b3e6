//! ONNX files and their cards.

mod card;
mod constants;
pub(crate) mod graph;
mod layers;
mod mask;
mod onnx;
mod restore;

#[cfg(test)]
mod tests;

pub use card::{Accuracy, Card, command, sha256, write_whole};
pub(crate) use layers::floats;
pub use mask::{plane_to_onnx, unet_to_onnx};
pub use onnx::to_onnx;
pub use restore::restore;
