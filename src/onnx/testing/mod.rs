//! Tools of the tests: ONNX files made by hand or at random, and a slow, obvious evaluator of graphs.

mod build;
mod evaluate;
mod random;

pub use build::{Builder, float, int, ints, string, tensor};
pub use evaluate::evaluate;
pub use random::{random_network, random_unet};
