//! One operation on one sample.

use super::{ExecError, TensorView};
use crate::arch::Session;
use crate::ops::{self, ConvJob, ConvPlan};
use crate::plan::{AddOp, Op, Operand, PoolOp, Residual};

/// An operation with an output tensor, made ready once per batch.
pub(super) struct Step<'a> {
    /// Position in the model.
    pub index: usize,
    input: Operand,
    residual: Option<Operand>,
    output: Operand,
    kernel: Kernel<'a>,
}

enum Kernel<'a> {
    Conv(ConvPlan<'a>),
    Add(AddOp),
    Pool(PoolOp),
}

impl<'a> Step<'a> {
    /// The operation at `index`; none for logits. An error if it does not fit its tensors.
    pub fn new(index: usize, op: &Op<'a>) -> Result<Option<Self>, ExecError> {
        let (kernel, input, residual, output) = match op {
            Op::Conv(op) => {
                let plan = ConvPlan::new(op).ok_or(ExecError::Inconsistent { op: index })?;
                (Kernel::Conv(plan), op.input, op.residual, op.output)
            }
            Op::Add(op) => (Kernel::Add(*op), op.input, op.residual, op.output),
            Op::GlobalAvgPool(op) => (Kernel::Pool(*op), op.input, None, op.output),
            Op::Logits(_) => return Ok(None),
        };
        Ok(Some(Self { index, input, residual: apart(residual, output), output, kernel }))
    }

    /// Whether it reads and writes more activations than weights.
    pub fn is_mostly_activations(&self) -> bool {
        match &self.kernel {
            Kernel::Conv(plan) => {
                plan.filter.weights.len() < self.input.tensor.bytes + self.output.tensor.bytes
            }
            Kernel::Add(_) | Kernel::Pool(_) => true,
        }
    }

    /// Runs one sample; gives the output tensor. None if a tensor does not fit the arena.
    pub fn run<'t>(&self, session: &mut Session, sample: &'t mut [u8]) -> Option<TensorView<'t>> {
        let tensor = self.output.tensor;
        let parts = Parts::new(sample, self.output)?;
        let input = parts.read(self.input)?;
        let residual = match self.residual {
            Some(operand) => Some(parts.read(operand)?),
            None => None,
        };
        match &self.kernel {
            Kernel::Conv(plan) => session.conv(ConvJob::new(plan, input, residual, parts.output)?),
            Kernel::Add(op) => ops::add(op, input, residual, parts.output),
            Kernel::Pool(op) => ops::global_avg_pool(op, input, parts.output),
        }
        ops::fill_border(&tensor, parts.output);
        Some(TensorView { tensor, bytes: parts.output })
    }
}

/// The operand of a residual that does not lie in the place of the output.
fn apart(residual: Option<Residual>, output: Operand) -> Option<Operand> {
    residual.filter(|residual| !residual.is_in_place(&output)).map(|residual| residual.operand)
}

/// The arena of a sample, split around the tensor that is written.
struct Parts<'t> {
    before: &'t [u8],
    output: &'t mut [u8],
    after: &'t [u8],
    after_start: usize,
}

impl<'t> Parts<'t> {
    fn new(sample: &'t mut [u8], output: Operand) -> Option<Self> {
        let range = output.tensor.range();
        let (before, rest) = sample.split_at_mut_checked(range.start)?;
        let (output, after) = rest.split_at_mut_checked(range.len())?;
        Some(Self { before, output, after, after_start: range.end })
    }

    /// The bytes of a tensor that lies before or after the output.
    fn read(&self, operand: Operand) -> Option<&'t [u8]> {
        let range = operand.tensor.range();
        match range.start.checked_sub(self.after_start) {
            Some(start) => self.after.get(start..start + range.len()),
            None => self.before.get(range),
        }
    }
}
