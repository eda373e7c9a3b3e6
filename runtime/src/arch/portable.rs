//! Architectures without kernels of their own.

use super::Backend;
use crate::ops::{self, ConvJob, UnweightedJob};
use crate::smooth::copies::CopyJob;

pub(super) fn is_available(_: Backend) -> bool {
    false
}

/// # Safety
/// None; other architectures ask for something.
pub(super) unsafe fn copy(_: Backend, job: CopyJob<'_>) {
    super::copy_portably(job);
}

/// # Safety
/// None; other architectures ask for something.
pub(super) unsafe fn unweighted(_: Backend, job: UnweightedJob<'_>) {
    super::unweighted_portably(job);
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
