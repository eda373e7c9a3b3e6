//! One operation on one sample.

use super::{ExecError, TensorView};
use crate::ADAPTIVE;
use crate::arch::Session;
use crate::ops::{self, ConvJob, ConvPlan, Unweighted, UnweightedJob};
use crate::plan::{LookupOp, Op, Operand, Residual};

/// An operation with an output tensor, made ready once per batch.
pub(super) struct Step<'a> {
    /// Position in the model.
    pub index: usize,
    input: Operand,
    second: Option<Operand>,
    output: Operand,
    kernel: Kernel<'a>,
}

enum Kernel<'a> {
    Conv(ConvPlan<'a>),
    Unweighted(Unweighted),
    Lookup(LookupOp<'a>),
}

impl<'a> Step<'a> {
    /// The operation at `index`; none for logits. An error if it does not fit its tensors.
    pub fn new(index: usize, op: &Op<'a>) -> Result<Option<Self>, ExecError> {
        let kernel = match op {
            Op::Conv(op) => Kernel::Conv(ConvPlan::new(op).ok_or(ExecError::Inconsistent { op: index })?),
            Op::Add(op) => Kernel::Unweighted(Unweighted::Add(*op)),
            Op::GlobalAvgPool(op) => Kernel::Unweighted(Unweighted::GlobalAvgPool(*op)),
            Op::MaxPool(op) => Kernel::Unweighted(Unweighted::MaxPool(*op)),
            Op::Join(op) => Kernel::Unweighted(Unweighted::Join(*op)),
            Op::Lookup(op) => Kernel::Lookup(*op),
            Op::Logits(_) => return Ok(None),
        };
        let output = op.output().ok_or(ExecError::Inconsistent { op: index })?;
        Ok(Some(Self { index, input: op.input(), second: apart(op.second(), output), output, kernel }))
    }

    /// Whether it reads and writes more activations than weights.
    pub fn is_mostly_activations(&self) -> bool {
        match &self.kernel {
            Kernel::Conv(plan) => {
                plan.filter.weights.len() < self.input.tensor.bytes + self.output.tensor.bytes
            }
            Kernel::Unweighted(_) | Kernel::Lookup(_) => true,
        }
    }

    /// Runs one sample; gives the output tensor. None if a tensor does not fit the arena.
    pub fn run<'t>(&self, session: &mut Session, sample: &'t mut [u8]) -> Option<TensorView<'t>> {
        let tensor = self.output.tensor;
        let parts = Parts::new(sample, self.output)?;
        let input = parts.read(self.input)?;
        let second = match self.second {
            Some(operand) => Some(parts.read(operand)?),
            None => None,
        };
        match &self.kernel {
            Kernel::Conv(plan) => session.conv_undisturbed(ConvJob::new(plan, input, second, parts.output)?),
            Kernel::Unweighted(op) => {
                session.unweighted(UnweightedJob { op, input, second, output: parts.output });
            }
            Kernel::Lookup(op) if ADAPTIVE => session.lookup(op, input, parts.output),
            Kernel::Lookup(_) => return None,
        }
        ops::fill_border(&tensor, parts.output);
        Some(TensorView { tensor, bytes: parts.output })
    }
}

/// A second operand that does not lie in the place of the output.
fn apart(second: Option<Residual>, output: Operand) -> Option<Operand> {
    second.filter(|second| !second.is_in_place(&output)).map(|second| second.operand)
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
