//! AArch64, little-endian.

mod dotprod;
mod i8mm;
mod neon;
mod outputs;

use super::Backend;
use crate::ops::{self, ConvJob};

/// Whether the backend is of this architecture and this CPU (without `std`: the build's target) can run it.
pub(super) fn is_available(backend: Backend) -> bool {
    match backend {
        Backend::Neon => has_neon(),
        Backend::Dotprod => has_dotprod(),
        Backend::I8mm => has_i8mm(),
        _ => false,
    }
}

/// Kernels here set nothing up.
#[derive(Debug, Default)]
pub(super) struct State {}

impl State {
    /// See [`Session::doubt`](super::Session::doubt): nothing is set up.
    pub fn doubt(&mut self) {}

    /// See [`Session::conv`](super::Session::conv).
    ///
    /// # Safety
    /// The backend is available.
    pub unsafe fn conv(&mut self, backend: Backend, job: ConvJob<'_>) {
        // SAFETY: by the contract of this function.
        unsafe {
            match backend {
                Backend::Neon => neon::conv(job),
                Backend::Dotprod => dotprod::conv(job),
                Backend::I8mm => i8mm::conv(job),
                _ => ops::conv(job),
            }
        }
    }
}

/// Whether code with NEON may run.
fn has_neon() -> bool {
    #[cfg(feature = "std")]
    let detected = std::arch::is_aarch64_feature_detected!("neon");
    #[cfg(not(feature = "std"))]
    let detected = cfg!(target_feature = "neon");
    cfg!(target_endian = "little") && detected
}

/// Whether code with NEON and its dot products of i8 may run.
fn has_dotprod() -> bool {
    #[cfg(feature = "std")]
    let detected = std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    let detected = cfg!(target_feature = "dotprod");
    has_neon() && detected
}

/// Whether code with NEON, its dot products and its matrix products of i8 may run.
fn has_i8mm() -> bool {
    #[cfg(feature = "std")]
    let detected = std::arch::is_aarch64_feature_detected!("i8mm");
    #[cfg(not(feature = "std"))]
    let detected = cfg!(target_feature = "i8mm");
    has_dotprod() && detected
}
