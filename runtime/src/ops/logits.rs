//! Fully connected last layer.

use super::conv::accumulate;
use super::requant::requant;
use crate::format::layout::BLOCK;
use crate::plan::LogitsOp;

/// Writes one logit per class (`logits.len()` is the number of classes), all on one scale, in the range of i16.
pub fn logits(op: &LogitsOp<'_>, input: &[u8], logits: &mut [i32]) {
    let tensor = op.input.tensor;
    let run = tensor.width * tensor.stored;
    for (block, logits) in logits.chunks_mut(BLOCK).enumerate() {
        let constants = op.filter.requant(block);
        let runs = (0..tensor.height).map(|y| &input[tensor.index(y, 0, 0)..][..run]);
        let acc = accumulate(constants.bias, op.filter.block_weights(block), runs);
        for (o, logit) in logits.iter_mut().enumerate() {
            *logit = requant(acc[o], constants.pre[o], constants.mul[o]);
        }
    }
}
