//! Quantisation-aware training: a trained residual network is fine-tuned on the integers that the runtime computes.
//!
//! ```text
//! float network -> measure (levels of activations, then frozen) -> fold (batch norms into convolutions)
//! each step: round (weights, biases) -> to_onnx (QDQ) -> compile -> the runtime's integers -> twin (gradients)
//! ```
//!
//! The forward pass is the runtime itself on the compiled file of the moment: nothing of its arithmetic is written down
//! a second time. [`forward`] computes the same network in floats, replaces the value of every activation by the
//! runtime's, and thereby sends gradients straight through the rounding.

pub mod checkpoint;
mod export;
mod fold;
mod integer;
mod levels;
mod round;
mod run;
mod twin;

#[cfg(test)]
mod tests;

pub use export::to_onnx;
pub use fold::{Block, Folded, Layer, Site, fold};
pub use integer::{IntegerNet, Outputs};
pub use levels::{Levels, find, measure};
pub use round::{Rounded, round};
pub use run::{Start, evaluate, fine_tune};
pub use twin::forward;
