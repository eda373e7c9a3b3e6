//! How a forward pass is computed.

use crate::noise::Draw;

/// By which operations. Both give the same function and gradients up to rounding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// The fused CPU kernels of [`crate::kernels`], NHWC.
    Fused,
    /// Burn's own operations on any device, NCHW.
    Stock,
}

/// How a forward pass is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// By which operations.
    pub path: Path,
    /// Values of the noise layers; none switches them off. A network without noise layers ignores it.
    pub draw: Option<Draw>,
}

impl Pass {
    /// A pass with the noise layers off.
    #[must_use]
    pub fn quiet(path: Path) -> Self {
        Self { path, draw: None }
    }
}
