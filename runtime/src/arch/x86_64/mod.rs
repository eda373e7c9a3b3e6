//! x86-64.

mod amx;
mod avx2;
mod avx512vnni;
mod avxvnni;
mod deviates;
mod ifma;
mod lanes;
mod requant256;
mod requant512;
mod scan;
mod vbmi;

use super::Backend;
use crate::ops::{self, ConvJob, UnweightedJob};
use crate::plan::LookupOp;
use crate::smooth::adaptive::{MixJob, write_mix};
use crate::smooth::copies::{CopyJob, write_copy};

/// Whether the backend is of this architecture and this CPU (without `std`: the build's target) can run it.
pub(super) fn is_available(backend: Backend) -> bool {
    match backend {
        Backend::Avx2 => has_avx2(),
        Backend::AvxVnni => has_avxvnni(),
        Backend::Avx512Vnni => has_avx512vnni(),
        Backend::Amx => has_avx512vnni() && amx::are_permitted(),
        _ => false,
    }
}

/// See [`Available::copy`](super::Available::copy).
///
/// # Safety
/// The backend is available.
pub(super) unsafe fn copy(backend: Backend, job: CopyJob<'_>) {
    match backend {
        // SAFETY: by the contract of this function.
        Backend::Avx2 | Backend::AvxVnni => unsafe { copy_avx2(job) },
        // SAFETY: by the contract of this function.
        Backend::Avx512Vnni | Backend::Amx => unsafe { copy_avx512(job) },
        _ => super::copy_portably(job),
    }
}

#[target_feature(enable = "avx2")]
fn copy_avx2(job: CopyJob<'_>) {
    write_copy::<lanes::Avx2>(job);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn copy_avx512(job: CopyJob<'_>) {
    write_copy::<lanes::Avx512>(job);
}

/// See [`Available::mix`](super::Available::mix).
///
/// # Safety
/// The backend is available.
pub(super) unsafe fn mix(backend: Backend, job: MixJob<'_>) {
    match backend {
        // SAFETY: by the contract of this function; the CPU was asked for the rest.
        Backend::Avx512Vnni | Backend::Amx if has_avx512cd_dq() && has_ifma() => unsafe { mix_ifma(job) },
        // SAFETY: by the contract of this function; the CPU was asked for the rest.
        Backend::Avx512Vnni | Backend::Amx if has_avx512cd_dq() => unsafe { mix_avx512(job) },
        // SAFETY: by the contract of this function; what has AVX-512 has AVX2.
        Backend::Avx2 | Backend::AvxVnni | Backend::Avx512Vnni | Backend::Amx => unsafe { mix_avx2(job) },
        _ => super::mix_portably(job),
    }
}

#[target_feature(enable = "avx2")]
fn mix_avx2(job: MixJob<'_>) {
    write_mix::<lanes::Avx2>(job);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512dq")]
fn mix_avx512(job: MixJob<'_>) {
    write_mix::<deviates::Avx512Dq<deviates::Halves>>(job);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512cd,avx512dq,avx512ifma")]
fn mix_ifma(job: MixJob<'_>) {
    write_mix::<deviates::Avx512Dq<ifma::Ifma>>(job);
}

/// See [`Session::unweighted`](super::Session::unweighted).
///
/// # Safety
/// The backend is available.
pub(super) unsafe fn unweighted(backend: Backend, job: UnweightedJob<'_>) {
    match backend {
        // SAFETY: by the contract of this function.
        Backend::Avx2 | Backend::AvxVnni => unsafe { unweighted_avx2(job) },
        // SAFETY: by the contract of this function.
        Backend::Avx512Vnni | Backend::Amx => unsafe { unweighted_avx512(job) },
        _ => super::unweighted_portably(job),
    }
}

#[target_feature(enable = "avx2")]
fn unweighted_avx2(job: UnweightedJob<'_>) {
    ops::unweighted(job);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn unweighted_avx512(job: UnweightedJob<'_>) {
    ops::unweighted(job);
}

/// See [`Session::lookup`](super::Session::lookup).
///
/// # Safety
/// The backend is available.
pub(super) unsafe fn lookup(backend: Backend, op: &LookupOp<'_>, input: &[u8], output: &mut [u8]) {
    match backend {
        // SAFETY: by the contract of this function; the CPU was asked for the rest.
        Backend::Avx512Vnni | Backend::Amx if has_vbmi() => unsafe { vbmi::lookup(op, input, output) },
        _ => ops::lookup(op, input, output),
    }
}

/// What kernels set up once for many operations.
#[derive(Debug, Default)]
pub(super) struct State {
    tiles: amx::Tiles,
}

impl State {
    /// See [`Session::doubt`](super::Session::doubt).
    pub fn doubt(&mut self) {
        self.tiles.doubt();
    }

    /// See [`Session::conv`](super::Session::conv).
    ///
    /// # Safety
    /// The backend is available.
    pub unsafe fn conv(&mut self, backend: Backend, job: ConvJob<'_>) {
        // SAFETY: by the contract of this function.
        unsafe {
            match backend {
                Backend::Avx2 => avx2::conv(job),
                Backend::AvxVnni => avxvnni::conv(job),
                Backend::Avx512Vnni => avx512vnni::conv(job),
                Backend::Amx => amx::conv(job, &mut self.tiles),
                _ => ops::conv(job),
            }
        }
    }
}

/// Whether AVX2 code may run.
fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "avx2")
}

/// Whether code with AVX2 and AVX-VNNI may run.
fn has_avxvnni() -> bool {
    #[cfg(feature = "std")]
    return has_avx2() && std::is_x86_feature_detected!("avxvnni");
    #[cfg(not(feature = "std"))]
    cfg!(all(target_feature = "avx2", target_feature = "avxvnni"))
}

/// Whether code with AVX-512 F, BW and VBMI may run, where AVX512-VNNI may.
fn has_vbmi() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx512vbmi");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "avx512vbmi")
}

/// Whether code with AVX-512 F and IFMA may run, where AVX512-VNNI may.
fn has_ifma() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx512ifma");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "avx512ifma")
}

/// Whether code with AVX-512 F, BW, VL, CD and DQ may run, where AVX512-VNNI may.
fn has_avx512cd_dq() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx512cd") && std::is_x86_feature_detected!("avx512dq");
    #[cfg(not(feature = "std"))]
    cfg!(all(target_feature = "avx512cd", target_feature = "avx512dq"))
}

/// Whether code with AVX-512 F, BW, VL and VNNI may run.
fn has_avx512vnni() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx512f")
        && std::is_x86_feature_detected!("avx512bw")
        && std::is_x86_feature_detected!("avx512vl")
        && std::is_x86_feature_detected!("avx512vnni");
    #[cfg(not(feature = "std"))]
    cfg!(all(
        target_feature = "avx512f",
        target_feature = "avx512bw",
        target_feature = "avx512vl",
        target_feature = "avx512vnni"
    ))
}
