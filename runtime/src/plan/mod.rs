//! What a model computes: tensors in the arena of a sample, and the operations that fill them in order.
//!
//! These types come from a parsed [`Model`](crate::Model) only, so their numbers have been checked.

mod op;
mod tensor;

pub use op::{
    AddOp, ConvOp, Filter, InputRule, JoinOp, LogitsOp, LookupOp, MaxPoolOp, Op, Operand, PoolOp,
    RequantBlock, Rescale, Residual,
};
pub use tensor::Tensor;

/// Image shape and the rule that quantises a noisy pixel.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Image channels, 1..=4.
    pub channels: usize,
    /// Image height in pixels.
    pub height: usize,
    /// Image width in pixels.
    pub width: usize,
    /// The tensor that receives the quantised image.
    pub operand: Operand,
    /// One rule per channel; those of unused channels are never applied.
    pub rules: [InputRule; crate::format::layout::MAX_INPUT_CHANNELS],
}

impl Input {
    /// Values of one image (`channels * height * width`).
    pub fn values(&self) -> usize {
        self.channels * self.height * self.width
    }
}
