//! ONNX files and their cards.

mod card;
pub(crate) mod graph;
mod layers;
mod mask;
mod onnx;

#[cfg(test)]
mod tests;

pub use card::{Accuracy, Card, command, sha256, write_whole};
pub(crate) use layers::floats;
pub use mask::{plane_to_onnx, unet_to_onnx};
pub use onnx::to_onnx;
