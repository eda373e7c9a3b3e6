//! Runs a model over a batch of samples in the caller's arena.
//!
//! Sample `s` owns the bytes `s * sample_arena_bytes..(s + 1) * sample_arena_bytes`. An operation runs for all
//! samples before the next one starts, so that its weights are read from memory once per batch; the result
//! does not depend on the batch.

use crate::arch::{Available, Backend};
use crate::format::Model;
use crate::ops::{self, ConvJob, ConvPlan};
use crate::plan::{AddOp, ConvOp, Input, Op, Operand, PoolOp, Tensor};
use core::error::Error;
use core::fmt;

/// Why a batch could not run.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecError {
    /// The arena is smaller than [`Model::arena_bytes`] of the batch.
    ArenaTooSmall {
        /// Bytes needed.
        needed: usize,
        /// Bytes given.
        given: usize,
    },
    /// The slice for logits does not have `batch * classes` entries.
    LogitsLength {
        /// Entries needed.
        expected: usize,
        /// Entries given.
        found: usize,
    },
    /// An operation that the parser should have refused. Never seen for a parsed model; reported rather than
    /// panicked upon.
    Inconsistent {
        /// Index of the operation.
        op: usize,
    },
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::ArenaTooSmall { needed, given } => {
                write!(f, "arena of {given} bytes, {needed} needed")
            }
            Self::LogitsLength { expected, found } => {
                write!(f, "room for {found} logits, {expected} needed")
            }
            Self::Inconsistent { op } => write!(f, "operation {op} does not fit its tensors"),
        }
    }
}

impl Error for ExecError {}

/// The bytes of a tensor after the operation that wrote it.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'t> {
    /// Layout.
    pub tensor: Tensor,
    /// The whole tensor, border included.
    pub bytes: &'t [u8],
}

impl TensorView<'_> {
    /// The value of channel `c` at row `y` and column `x`; none outside the tensor.
    pub fn get(&self, y: usize, x: usize, c: usize) -> Option<u8> {
        let t = &self.tensor;
        let inside = y < t.height && x < t.width && c < t.channels;
        inside.then(|| self.bytes.get(t.index(y, x, c)).copied())?
    }
}

/// Runs one model with one backend.
#[derive(Clone, Copy, Debug)]
pub struct Executor<'m, 'a> {
    model: &'m Model<'a>,
    backend: Available,
}

impl<'m, 'a> Executor<'m, 'a> {
    /// None if this CPU cannot run the backend.
    pub fn new(model: &'m Model<'a>, backend: Backend) -> Option<Self> {
        Some(Self { model, backend: backend.available()? })
    }

    /// The model.
    pub fn model(&self) -> &'m Model<'a> {
        self.model
    }

    /// The backend.
    pub fn backend(&self) -> Backend {
        self.backend.backend()
    }

    /// Starts a new image for a sample: the input tensor becomes zero point throughout, and rows of noisy
    /// pixels are then given to the writer. Rows not given stay zero point.
    pub fn write_input<'t>(
        &self,
        arena: &'t mut [u8],
        sample: usize,
    ) -> Result<InputWriter<'m, 't>, ExecError> {
        let given = arena.len();
        let error = ExecError::ArenaTooSmall { needed: self.model.arena_bytes(sample + 1), given };
        let input = self.model.input();
        let tensor = input.operand.tensor;
        let bytes = self.sample(arena, sample).and_then(|bytes| bytes.get_mut(tensor.range()));
        let bytes = bytes.ok_or(error)?;
        bytes.fill(tensor.zero_point);
        Ok(InputWriter { input, bytes })
    }

    /// Runs the model over the first `batch` samples of the arena, whose inputs were written before.
    ///
    /// `logits` receives `batch * classes` values, one row per sample. After each operation with an output
    /// tensor, `observer` is called for each sample with the operation's index, the sample and the tensor.
    /// The inputs may be overwritten.
    pub fn run(
        &self,
        arena: &mut [u8],
        batch: usize,
        logits: &mut [i32],
        mut observer: impl FnMut(usize, usize, TensorView<'_>),
    ) -> Result<(), ExecError> {
        let (needed, given) = (self.model.arena_bytes(batch), arena.len());
        if given < needed {
            return Err(ExecError::ArenaTooSmall { needed, given });
        }
        let (expected, found) = (batch.saturating_mul(self.model.classes()), logits.len());
        if found != expected {
            return Err(ExecError::LogitsLength { expected, found });
        }
        for (index, op) in self.model.ops().enumerate() {
            let error = ExecError::Inconsistent { op: index };
            let step = match op {
                Op::Logits(op) => {
                    for (sample, logits) in logits.chunks_exact_mut(self.model.classes()).enumerate() {
                        let memory = self.sample(arena, sample).ok_or(error)?;
                        ops::logits(&op, memory.get(op.input.tensor.range()).ok_or(error)?, logits);
                    }
                    continue;
                }
                Op::Conv(op) => Step::conv(&op).ok_or(error)?,
                Op::Add(op) => Step::add(op),
                Op::GlobalAvgPool(op) => Step::pool(op),
            };
            for sample in 0..batch {
                let memory = self.sample(arena, sample).ok_or(error)?;
                let view = step.run(self.backend, memory).ok_or(error)?;
                observer(index, sample, view);
            }
        }
        Ok(())
    }

    fn sample<'t>(&self, arena: &'t mut [u8], sample: usize) -> Option<&'t mut [u8]> {
        let bytes = self.model.sample_arena_bytes();
        arena.get_mut(bytes.checked_mul(sample)?..)?.get_mut(..bytes)
    }
}

/// Writes the noisy pixels of one sample into its input tensor.
#[derive(Debug)]
pub struct InputWriter<'m, 't> {
    input: &'m Input,
    bytes: &'t mut [u8],
}

impl InputWriter<'_, '_> {
    /// Quantises row `y` of a channel from noisy pixels (pixel plus noise, in 1/255, within ±2^13; values
    /// beyond are clamped). Pixels beyond the width, rows and channels beyond the image are ignored.
    pub fn row(&mut self, channel: usize, y: usize, noisy: &[i16]) {
        let (input, tensor) = (self.input, self.input.operand.tensor);
        if channel >= input.channels || y >= input.height {
            return;
        }
        let row = &mut self.bytes[tensor.index(y, 0, channel)..tensor.index(y, tensor.width, 0)];
        ops::quantise_row(noisy, input.rules[channel], tensor.top, row, tensor.stored);
    }
}

/// An operation with an output tensor, made ready once per batch.
struct Step<'a> {
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
    fn conv(op: &ConvOp<'a>) -> Option<Self> {
        let residual = op.residual.map(|residual| residual.operand);
        let kernel = Kernel::Conv(ConvPlan::new(op)?);
        Some(Self { input: op.input, residual, output: op.output, kernel })
    }

    fn add(op: AddOp) -> Self {
        let residual = op.residual.map(|residual| residual.operand);
        Self { input: op.input, residual, output: op.output, kernel: Kernel::Add(op) }
    }

    fn pool(op: PoolOp) -> Self {
        Self { input: op.input, residual: None, output: op.output, kernel: Kernel::Pool(op) }
    }

    /// Runs one sample; gives the output tensor. None if a tensor does not fit the arena.
    fn run<'t>(&self, backend: Available, sample: &'t mut [u8]) -> Option<TensorView<'t>> {
        let tensor = self.output.tensor;
        let parts = Parts::new(sample, self.output)?;
        let input = parts.read(self.input)?;
        let residual = match self.residual {
            Some(operand) => Some(parts.read(operand)?),
            None => None,
        };
        match &self.kernel {
            Kernel::Conv(plan) => backend.conv(ConvJob::new(plan, input, residual, parts.output)?),
            Kernel::Add(op) => ops::add(op, input, residual, parts.output),
            Kernel::Pool(op) => ops::global_avg_pool(op, input, parts.output),
        }
        ops::fill_border(&tensor, parts.output);
        Some(TensorView { tensor, bytes: parts.output })
    }
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
