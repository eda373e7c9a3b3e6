//! Arm microcontrollers, little-endian, in Thumb mode. What a part has is known when the program is built; see `build.rs`.

mod dsp;
#[cfg(ringfence_helium)]
mod helium;
mod octet;

use super::Backend;
use crate::ops::{self, ConvJob};

/// Whether the build's target can run the backend.
pub(super) fn is_available(backend: Backend) -> bool {
    match backend {
        Backend::Dsp => true,
        Backend::Helium => cfg!(ringfence_helium),
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
        match backend {
            #[cfg(ringfence_helium)]
            Backend::Helium => helium::conv(job),
            Backend::Dsp => dsp::conv(job),
            _ => ops::conv(job),
        }
    }
}
