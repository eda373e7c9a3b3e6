//! CPU kernels of the residual networks, in portable safe SIMD, and their place in Burn.

pub mod block;
pub mod burn_ops;
pub mod plane;
pub mod shape;
pub mod tile;
