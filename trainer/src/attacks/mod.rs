//! Perturbations of images that raise a loss.

mod ball;
mod pgd;

#[cfg(test)]
mod tests;

pub use ball::{Ball, Norm};
pub use pgd::{Pgd, Start};
