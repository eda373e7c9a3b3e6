//! Integer noise: counter-seeded streams and the alias sampler of the rounded Gaussian.
//!
//! Which noise a sample gets depends on (generator, seed, purpose, sample index) alone: any subset of samples can be
//! drawn on any machine, in any order, alone or in batches, with the same bits.

mod cipher;
mod generator;
mod lanes;
mod normal;
mod sampler;
mod streams;

pub use cipher::Cipher;
pub use generator::Generator;
pub(crate) use lanes::{Lanes, OneByOne, high};
#[cfg(target_arch = "x86_64")]
pub(crate) use normal::place;
pub use normal::{Normal, quantile};
pub use sampler::Noise;
pub use streams::{LANES, Purpose, Seed, Streams};
