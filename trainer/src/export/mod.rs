//! ONNX files and their cards.

mod card;
pub(crate) mod graph;
mod onnx;

#[cfg(test)]
mod tests;

pub use card::{Accuracy, Card, command, sha256, write_whole};
pub(crate) use onnx::floats;
pub use onnx::to_onnx;
