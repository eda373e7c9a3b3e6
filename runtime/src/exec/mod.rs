//! Runs a model over a batch of samples in the caller's arena.
//!
//! Sample `s` owns the bytes `s * sample_arena_bytes..(s + 1) * sample_arena_bytes`. Of weights and activations, the
//! larger stays in the cache: an operation with more weights runs for all samples before the next one starts,
//! neighbouring operations with more activations run together for one sample after the other. The result does not
//! depend on it, nor on the batch.

mod input;
mod step;

use crate::ADAPTIVE;
use crate::arch::{Available, Backend, Session};
use crate::format::{Model, Network};
use crate::ops;
use crate::plan::{Op, Tensor};
use core::error::Error;
use core::fmt;
pub use input::InputWriter;
use step::Step;

/// Operations that run together for one sample after the other.
type Group<'a> = heapless::Vec<Step<'a>, GROUP>;

/// Most operations of a group. Without `std`, where stacks are small and a batch is mostly one sample, every operation
/// stands alone.
const GROUP: usize = if cfg!(feature = "std") { 16 } else { 1 };

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

/// Runs one network of a model with one backend.
#[derive(Clone, Copy, Debug)]
pub struct Executor<'m, 'a> {
    model: &'m Model<'a>,
    network: &'m Network<'a>,
    backend: Available,
}

impl<'m, 'a> Executor<'m, 'a> {
    /// None if this CPU cannot run the backend.
    pub fn new(model: &'m Model<'a>, backend: Backend) -> Option<Self> {
        Some(Self { model, network: model.network(), backend: backend.available()? })
    }

    /// The same for the model's mask network, which gives no logits; none if it has no such network. It works on the same
    /// arena, where each of the two overwrites what the other one left.
    pub fn mask(&self) -> Option<Self> {
        self.model.mask().map(|mask| Self { network: &mask.network, ..*self })
    }

    /// The network that it runs.
    pub fn network(&self) -> &'m Network<'a> {
        self.network
    }

    /// The model.
    pub fn model(&self) -> &'m Model<'a> {
        self.model
    }

    /// The backend.
    pub fn backend(&self) -> Backend {
        self.backend.backend()
    }

    /// The backend's kernels.
    pub fn available(&self) -> Available {
        self.backend
    }

    /// Starts a new image for a sample: the input tensor becomes zero point throughout, and rows of noisy
    /// pixels are then given to the writer. Rows not given stay zero point.
    pub fn write_input<'t>(
        &self,
        arena: &'t mut [u8],
        sample: usize,
    ) -> Result<InputWriter<'m, 't>, ExecError> {
        let given = arena.len();
        let error =
            ExecError::ArenaTooSmall { needed: self.model.arena_bytes(sample.saturating_add(1)), given };
        let input = self.network.input();
        let tensor = input.operand.tensor;
        let bytes = self.sample(arena, sample).and_then(|bytes| bytes.get_mut(tensor.range()));
        let bytes = bytes.ok_or(error)?;
        bytes.fill(tensor.zero_point);
        Ok(InputWriter { input, bytes })
    }

    /// Runs the model over the first `batch` samples of the arena, whose inputs were written before.
    ///
    /// `logits` receives `batch * classes` values, one row per sample (none of a mask network). After each operation with an output
    /// tensor, `observer` is called for each sample with the operation's index, the sample and the tensor; for each
    /// sample in the order of the operations.
    /// The inputs may be overwritten.
    pub fn run(
        &self,
        arena: &mut [u8],
        batch: usize,
        logits: &mut [i32],
        mut observer: impl FnMut(usize, usize, TensorView<'_>),
    ) -> Result<(), ExecError> {
        self.run_observed(arena, batch, logits, Some(&mut observer))
    }

    /// [`run`](Self::run) without an observer.
    pub(crate) fn run_alone(
        &self,
        arena: &mut [u8],
        batch: usize,
        logits: &mut [i32],
    ) -> Result<(), ExecError> {
        self.run_observed(arena, batch, logits, None::<&mut fn(usize, usize, TensorView<'_>)>)
    }

    fn run_observed<O: FnMut(usize, usize, TensorView<'_>)>(
        &self,
        arena: &mut [u8],
        batch: usize,
        logits: &mut [i32],
        mut observer: Option<&mut O>,
    ) -> Result<(), ExecError> {
        let (needed, given) = (self.model.arena_bytes(batch), arena.len());
        if given < needed {
            return Err(ExecError::ArenaTooSmall { needed, given });
        }
        let (expected, found) = (batch.saturating_mul(self.network.logits()), logits.len());
        if found != expected {
            return Err(ExecError::LogitsLength { expected, found });
        }
        self.mirror_inputs(arena, batch)?;
        let mut session = self.backend.session();
        let mut group = Group::new();
        for (index, op) in self.network.ops().enumerate() {
            let Some(step) = Step::new(index, &op)? else {
                self.flush(&mut group, &mut session, arena, batch, &mut observer)?;
                self.logits(index, &op, arena, logits)?;
                continue;
            };
            let alone = GROUP == 1 || !step.is_mostly_activations();
            if alone && GROUP > 1 || group.is_full() {
                self.flush(&mut group, &mut session, arena, batch, &mut observer)?;
            }
            group.push(step).map_err(|step| ExecError::Inconsistent { op: step.index })?;
            if alone {
                self.flush(&mut group, &mut session, arena, batch, &mut observer)?;
            }
        }
        self.flush(&mut group, &mut session, arena, batch, &mut observer)
    }

    /// Fills the borders of the images, if they mirror the pixels inside.
    fn mirror_inputs(&self, arena: &mut [u8], batch: usize) -> Result<(), ExecError> {
        let tensor = self.network.input().operand.tensor;
        for sample in (0..batch).filter(|_| ADAPTIVE && tensor.mirrored) {
            let memory = self.sample(arena, sample).and_then(|memory| memory.get_mut(tensor.range()));
            ops::mirror_border(&tensor, memory.ok_or(ExecError::Inconsistent { op: 0 })?);
        }
        Ok(())
    }

    /// Runs a group of operations, sample by sample, and empties it.
    fn flush<O: FnMut(usize, usize, TensorView<'_>)>(
        &self,
        group: &mut Group<'a>,
        session: &mut Session,
        arena: &mut [u8],
        batch: usize,
        observer: &mut Option<&mut O>,
    ) -> Result<(), ExecError> {
        for sample in 0..batch {
            for step in group.iter() {
                let error = ExecError::Inconsistent { op: step.index };
                let memory = self.sample(arena, sample).ok_or(error)?;
                let view = step.run(session, memory).ok_or(error)?;
                if let Some(observer) = observer {
                    observer(step.index, sample, view);
                    session.doubt();
                }
            }
        }
        group.clear();
        Ok(())
    }

    fn logits(
        &self,
        index: usize,
        op: &Op<'_>,
        arena: &mut [u8],
        logits: &mut [i32],
    ) -> Result<(), ExecError> {
        let Op::Logits(op) = op else { return Ok(()) };
        let error = ExecError::Inconsistent { op: index };
        for (sample, logits) in logits.chunks_exact_mut(self.network.logits()).enumerate() {
            let memory = self.sample(arena, sample).ok_or(error)?;
            ops::logits(op, memory.get(op.input.tensor.range()).ok_or(error)?, logits);
        }
        Ok(())
    }

    fn sample<'t>(&self, arena: &'t mut [u8], sample: usize) -> Option<&'t mut [u8]> {
        let bytes = self.model.sample_arena_bytes();
        arena.get_mut(bytes.checked_mul(sample)?..)?.get_mut(..bytes)
    }
}
