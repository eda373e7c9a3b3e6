//! Runs a model over a batch of samples in the caller's arena.
//!
//! Sample `s` owns the bytes `s * sample_arena_bytes..(s + 1) * sample_arena_bytes`. An operation runs for all
//! samples before the next one starts, so that its weights are read from memory once per batch; the result
//! does not depend on the batch.

use crate::arch::{Available, Backend};
use crate::format::Model;
use crate::ops::{self, ConvData, ConvPlan};
use crate::plan::{Input, Op, Operand, Tensor};
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
            let step = Step::new(op, self.backend).ok_or(error)?;
            for (sample, logits) in logits.chunks_exact_mut(self.model.classes()).enumerate() {
                let memory = self.sample(arena, sample).ok_or(error)?;
                let view = step.run(memory, logits).ok_or(error)?;
                if let Some(view) = view {
                    observer(index, sample, view);
                }
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
        let rule = input.rules[channel];
        let row = &mut self.bytes[tensor.index(y, 0, 0)..][..tensor.width * tensor.stored];
        for (pixel, &noisy) in row.chunks_exact_mut(tensor.stored).zip(noisy) {
            pixel[channel] = ops::quantise(noisy, rule);
        }
    }
}

/// An operation made ready once per batch.
struct Step<'a> {
    op: Op<'a>,
    conv: Option<ConvPlan<'a>>,
    backend: Available,
}

impl<'a> Step<'a> {
    fn new(op: Op<'a>, backend: Available) -> Option<Self> {
        let conv = match &op {
            Op::Conv(op) => Some(ConvPlan::new(op)?),
            _ => None,
        };
        Some(Self { op, conv, backend })
    }

    /// Runs one sample; gives the output tensor if there is one. None if a tensor does not fit the arena.
    fn run<'t>(&self, sample: &'t mut [u8], logits: &mut [i32]) -> Option<Option<TensorView<'t>>> {
        let Some(output) = self.op.output() else {
            if let Op::Logits(op) = &self.op {
                ops::logits(op, sample.get(op.input.tensor.range())?, logits);
            }
            return Some(None);
        };
        let range = output.tensor.range();
        let parts = Parts::new(sample, output)?;
        let input = parts.read(self.op.input())?;
        let residual = match self.op.residual() {
            Some(residual) => Some(parts.read(residual.operand)?),
            None => None,
        };
        match &self.op {
            Op::Conv(_) => {
                let plan = self.conv.as_ref()?;
                self.backend.conv(plan, ConvData::new(plan, input, residual, parts.output)?);
            }
            Op::Add(op) => ops::add(op, input, residual, parts.output),
            Op::GlobalAvgPool(op) => ops::global_avg_pool(op, input, parts.output),
            Op::Logits(_) => return None,
        }
        ops::fill_border(&output.tensor, parts.output);
        Some(Some(TensorView { tensor: output.tensor, bytes: sample.get(range)? }))
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
