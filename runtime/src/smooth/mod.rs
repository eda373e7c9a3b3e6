//! The smoothed classifier: noisy copies of an image are classified and vote.
//!
//! ```text
//! image -> + noise(seed, purpose, sample) -> network -> logits -> vote -> counts -> certificate
//! ```
//!
//! What a sample votes depends on (model, image, seed, purpose, sample index) alone. Counts of disjoint
//! ranges of samples add up to those of the whole range, so batches, threads, backends and pauses change
//! nothing.

pub mod adaptive;
mod budget;
pub(crate) mod copies;
mod counts;
mod error;
mod image;
mod predict;
mod progress;
mod run;
mod smoother;
mod vote;

pub use crate::noise::{Generator, Purpose, Seed};
pub use budget::Budget;
pub use counts::{Counts, Scores, add_counts, top};
pub use error::Error;
pub use image::{Image, ImageError, Row};
pub use predict::Prediction;
pub(crate) use progress::Progress;
pub use run::Run;
pub use smoother::{MAX_BATCH, Smoother};
pub use vote::{Ballot, Verdict, Vote};
