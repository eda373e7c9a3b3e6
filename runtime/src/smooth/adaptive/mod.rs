//! Adaptive smoothing: mask, then classify (Lyu et al., *Adaptive randomized smoothing*, 2024).
//!
//! ```text
//! m1 = x + noise -> mask network -> w -> m2 = w x + smaller noise -> mix of m1 and m2 -> classifier -> vote
//! ```
//!
//! The second noise is as small as the mask is: its deviation is the root mean square of w. Why the votes still prove an
//! L-infinity radius, whatever the mask: docs/soundness.md, section 9.

mod mix;
mod recipe;
mod steps;

pub use mix::Mixture;
pub use recipe::{Piece, Recipe};
pub(crate) use steps::{MixJob, write_mix};
