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
//!
//! ```
//! use ringfence_runtime::certificate::Outcome;
//! use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};
//! use ringfence_runtime::{Model, embed_model};
//!
//! static MODEL: &[u8] = embed_model!("../../models/signs-resnet8-s025.rfm");
//!
//! let model = Model::parse(MODEL)?;
//! let mut arena = [0; 37_056]; // for one sample; `Model::arena_bytes` tells
//! let mut smoother = Smoother::new(&model, &mut arena)?;
//! let frame = [128; 3 * 32 * 32]; // what a camera gives
//! let image = Image::chw(&frame, 3, 32, 32)?;
//! // On a device 32 bytes of its hardware generator, new ones for each image.
//! let seed = Seed([0x5e; 32]);
//!
//! let mut run = smoother.start(&image, Budget::single_stage(32, 0.001), &seed)?;
//! while !run.step(8)? {
//!     // The watchdog is served here.
//! }
//! match run.finish()? {
//!     Outcome::Certified(c) => assert!(c.class < model.classes() && c.radius.units() > 0),
//!     Outcome::Refuted(_) | Outcome::Abstained(_) => {} // the votes are not clear enough
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
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
