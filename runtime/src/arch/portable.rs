//! Architectures without kernels of their own.

use super::Backend;
use crate::ops::{self, ConvJob};

pub(super) fn is_available(_: Backend) -> bool {
    false
}

#[derive(Debug, Default)]
pub(super) struct State {}

impl State {
    /// See [`Session::doubt`](super::Session::doubt): nothing is set up.
    pub fn doubt(&mut self) {}

    /// # Safety
    /// None; other architectures ask for something.
    pub unsafe fn conv(&mut self, _: Backend, job: ConvJob<'_>) {
        ops::conv(job);
    }
}
