//! Who wrote what before whom: the result must be a function of the image alone.

use super::decode::Graph;
use super::error::{FormatError, OpFault};
use super::layout::MAX_TENSORS;
use super::weights::{check_filter, check_pairs, check_table};
use crate::plan::{Op, Operand, Residual, Tensor};

/// The tensors that hold what was last written to them.
struct Written([u64; MAX_TENSORS / 64]);

impl Written {
    fn contains(&self, index: usize) -> bool {
        self.0.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// Marks a tensor as written, and all that share bytes with it as lost.
    fn write(&mut self, operand: Operand, tensors: impl Iterator<Item = Tensor>) {
        for (index, tensor) in tensors.enumerate() {
            if tensor.overlaps(&operand.tensor) {
                self.mark(index, false);
            }
        }
        self.mark(operand.index, true);
    }

    /// What has no bit was never written.
    fn mark(&mut self, index: usize, written: bool) {
        if let Some(word) = self.0.get_mut(index / 64) {
            let bit = 1 << (index % 64);
            *word = if written { *word | bit } else { *word & !bit };
        }
    }
}

/// What a network ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The operation that gives logits.
    Logits,
    /// Whatever tensor is written last.
    Map,
}

/// Checks every operation in order, starting from the written `input`; gives the tensor written last.
pub(crate) fn check_ops(graph: &Graph<'_>, input: Operand, end: End) -> Result<Operand, FormatError> {
    let tensors = || (0..graph.tensors.len()).filter_map(|index| graph.tensor(index)?.ok());
    let mut written = Written([0; _]);
    written.write(input, tensors());
    let mut last = input;
    for index in 0..graph.ops.len() {
        let at = |fault| FormatError::Op { index, fault };
        let Some(op) = graph.op(index) else { break };
        let op = op.map_err(at)?;
        check_op(&op, &written).map_err(at)?;
        match op.output() {
            Some(output) => {
                written.write(output, tensors());
                last = output;
            }
            None if index + 1 < graph.ops.len() || end == End::Map => return Err(at(OpFault::LogitsNotLast)),
            None => return Ok(last),
        }
    }
    if end == End::Map { Ok(last) } else { Err(FormatError::NoLogits) }
}

fn check_op(op: &Op<'_>, written: &Written) -> Result<(), OpFault> {
    // What is added has the output's shape already, so in its place it is laid out like it, border included.
    let in_place = |second: &Residual| {
        op.residual().is_some() && op.output().is_some_and(|output| second.is_in_place(&output))
    };
    let inputs = [Some((op.input(), false)), op.second().map(|second| (second.operand, in_place(&second)))];
    for (operand, in_place) in inputs.into_iter().flatten() {
        if !written.contains(operand.index) {
            return Err(OpFault::NotWritten(operand.index as u16));
        }
        let overlaps = op.output().is_some_and(|output| output.tensor.overlaps(&operand.tensor));
        if overlaps && !in_place {
            return Err(OpFault::Overlap);
        }
    }
    match op {
        Op::Conv(op) => check_filter(&op.filter).and_then(|()| check_pairs(op)),
        Op::Logits(op) => check_filter(&op.filter),
        Op::Lookup(op) => check_table(op),
        Op::Add(_) | Op::GlobalAvgPool(_) | Op::MaxPool(_) | Op::Join(_) => Ok(()),
    }
}
