//! ONNX files and their cards.

mod card;
mod graph;
mod onnx;

#[cfg(test)]
mod tests;

pub use card::{Accuracy, Card, command, sha256, write_whole};
pub use onnx::to_onnx;
