//! ONNX files and their cards.

mod card;
mod graph;
mod layers;
mod onnx;

#[cfg(test)]
mod tests;

pub use card::{Accuracy, Card, command, sha256, write_whole};
pub use onnx::to_onnx;
