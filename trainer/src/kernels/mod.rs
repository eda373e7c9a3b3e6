//! CPU kernels of the residual networks, in portable safe SIMD, and their place in Burn.

pub mod block;
pub mod burn_ops;
mod convolution;
mod memory;
mod passes;
mod plane;
pub mod shape;
mod tile;

#[cfg(test)]
mod tests;
