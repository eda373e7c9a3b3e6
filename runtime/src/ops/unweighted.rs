//! Operations without weights, as one kind of work.

use super::{add, global_avg_pool, join, max_pool};
use crate::plan::{AddOp, JoinOp, MaxPoolOp, PoolOp};

/// Whether more than four channels at a time are worth code of their own.
pub(super) const VECTORS: bool = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));

/// An operation without weights: little arithmetic on much memory.
#[derive(Clone, Copy, Debug)]
pub enum Unweighted {
    /// See [`add`].
    Add(AddOp),
    /// See [`global_avg_pool`].
    GlobalAvgPool(PoolOp),
    /// See [`max_pool`].
    MaxPool(MaxPoolOp),
    /// See [`join`].
    Join(JoinOp),
}

/// One of them on the whole tensors of one sample.
#[derive(Debug)]
pub struct UnweightedJob<'a> {
    /// What to do.
    pub op: &'a Unweighted,
    /// The first input.
    pub input: &'a [u8],
    /// The second input, if there is one that does not lie in the place of the output.
    pub second: Option<&'a [u8]>,
    /// What is written, but for its border.
    pub output: &'a mut [u8],
}

/// Does the job.
///
/// Inlined so that a backend can compile it for its own instruction set.
#[inline(always)]
pub fn unweighted(job: UnweightedJob<'_>) {
    let UnweightedJob { op, input, second, output } = job;
    match op {
        Unweighted::Add(op) => add(op, input, second, output),
        Unweighted::GlobalAvgPool(op) => global_avg_pool(op, input, output),
        Unweighted::MaxPool(op) => max_pool(op, input, output),
        Unweighted::Join(op) => join(op, input, second, output),
    }
}
