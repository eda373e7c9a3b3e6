//! Integer-only runtime of ringfence: reads a compiled network in place, runs it over noisy copies of an
//! image, counts votes and looks up the certified radius.
//!
//! No allocator, no floating point in the certified path, no panics: memory comes from the caller and every
//! failure is a small error value. The same model, image, seed and sample index give the same bits on every
//! machine.
//!
//! - [`format`](mod@format): `.rfm` bytes to a [`Model`], the only door; after it no kernel checks anything again.
//! - [`plan`]: tensors and operations as the model describes them.
//! - [`ops`]: the scalar definition of every operation.
//! - [`arch`]: the same convolution for one instruction set each, bit for bit.
//! - [`exec`]: runs a model over a batch of samples in the caller's arena.
//! - [`noise`], [`smooth`], [`certificate`]: what turns a network into a certified classifier.
//! - [`ffi`]: the same for C.
#![no_std]

#[cfg(feature = "std")]
extern crate std;

pub mod arch;
pub mod certificate;
pub mod exec;
pub mod ffi;
pub mod format;
pub mod noise;
pub mod ops;
pub mod plan;
pub mod smooth;

/// Whether models of adaptive smoothing, with their lookups and mirrored borders, are part of the program: what is tested
/// against this constant is left out where they are not.
pub(crate) const ADAPTIVE: bool = cfg!(feature = "adaptive");

pub use arch::Backend;
pub use exec::{ExecError, Executor, InputWriter, TensorView};
pub use format::{CertificateTable, FormatError, MAX_CLASSES, Model, Network, NoiseTable, Softmax};
pub use plan::{Input, Op, Tensor};
