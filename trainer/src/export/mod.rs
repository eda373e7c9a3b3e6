//! ONNX files and their cards.

mod card;
mod graph;
mod layers;
mod mask;
mod onnx;

#[cfg(test)]
mod tests;

pub use card::{Accuracy, Card, command, sha256, write_whole};
pub use mask::unet_to_onnx;
pub use onnx::to_onnx;
