//! Certificates of other smoothing methods, to compare with: reference implementations in floats, for the host only.
//!
//! A probability is that of the most likely class from below, all others together have the rest. Rounding is that of `f64`:
//! results are good to about 1e-6 and are for tables, not for promises.

mod certify;
mod chi_squared;
mod generalised;
mod inversion;
mod neighbours;
mod varying;

#[cfg(test)]
mod tests;

pub use certify::{Effort, Smoothed, Smoothing, Statement};
pub use chi_squared::noncentral_chi_squared;
pub use generalised::Generalised;
pub use neighbours::Neighbours;
pub use varying::Varying;
