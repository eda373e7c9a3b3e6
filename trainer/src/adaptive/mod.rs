//! Adaptive randomized smoothing (Lyu et al. 2024, arXiv:2406.10427): what the classifier is shown of an image, in training,
//! evaluation and votes alike.

mod look;
mod steps;

#[cfg(test)]
mod tests;

pub use look::{look, look_at};
pub use steps::{Seen, one_step, two_steps};
