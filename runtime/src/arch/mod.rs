//! Instruction sets that the convolution is written for.
//!
//! The scalar code in [`ops`] is the definition; every backend gives the same bits. Only a backend
//! that this CPU can run yields an [`Available`], and only that leads to kernels: with the feature `std` the
//! CPU is asked once, without it the target features of the build decide.

use crate::noise::OneByOne;
use crate::ops::{self, ConvJob, UnweightedJob};
use crate::plan::LookupOp;
use crate::smooth::adaptive::{MixJob, write_mix};
use crate::smooth::copies::{CopyJob, write_copy};

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(ringfence_dsp)]
mod arm;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", ringfence_dsp)))]
mod portable;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "aarch64")]
use aarch64 as native;
#[cfg(ringfence_dsp)]
use arm as native;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", ringfence_dsp)))]
use portable as native;
#[cfg(target_arch = "x86_64")]
use x86_64 as native;

/// An instruction set.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Portable code; runs everywhere.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX2 and AVX-VNNI.
    AvxVnni,
    /// x86-64 with AVX-512 F, BW, VL and VNNI.
    Avx512Vnni,
    /// x86-64 with AMX for int8, on Linux, and AVX512-VNNI.
    Amx,
    /// AArch64 with NEON, which all have.
    Neon,
    /// AArch64 with dot products of i8.
    Dotprod,
    /// AArch64 with dot products and matrix products of i8.
    I8mm,
    /// Arm microcontroller with the DSP extension: Cortex-M4, M7, most M33.
    Dsp,
    /// Arm microcontroller with Helium: Cortex-M55, M85.
    Helium,
}

impl Backend {
    /// All backends, slowest first.
    pub const ALL: [Self; 10] = [
        Self::Scalar,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512Vnni,
        Self::Amx,
        Self::Neon,
        Self::Dotprod,
        Self::I8mm,
        Self::Dsp,
        Self::Helium,
    ];

    /// The name that [`from_name`](Self::from_name) takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
            Self::Avx512Vnni => "avx512vnni",
            Self::Amx => "amx",
            Self::Neon => "neon",
            Self::Dotprod => "dotprod",
            Self::I8mm => "i8mm",
            Self::Dsp => "dsp",
            Self::Helium => "helium",
        }
    }

    /// The backend of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|backend| backend.name() == name)
    }

    /// Whether this CPU (without `std`: the build's target) can run the backend.
    pub fn is_available(self) -> bool {
        self == Self::Scalar || native::is_available(self)
    }

    /// The key to the backend's kernels, if this CPU can run them.
    pub fn available(self) -> Option<Available> {
        self.is_available().then_some(Available(self))
    }

    /// The fastest backend that is available.
    pub fn best() -> Self {
        Self::ALL.into_iter().rev().find(|backend| backend.is_available()).unwrap_or(Self::Scalar)
    }
}

/// A backend that this CPU can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Available(Backend);

impl Available {
    /// Which backend.
    pub fn backend(self) -> Backend {
        self.0
    }

    /// Makes a noisy copy of an image: the portable code, compiled for the backend.
    pub(crate) fn copy(self, job: CopyJob<'_>) {
        match self.0 {
            // SAFETY: an `Available` is made only for a CPU with the features of its backend.
            #[cfg(target_arch = "x86_64")]
            backend if backend != Backend::Scalar => unsafe { native::copy(backend, job) },
            _ => copy_portably(job),
        }
    }

    /// Makes the second noisy copy of adaptive smoothing and mixes it with the first: the portable code, compiled for the
    /// backend.
    pub(crate) fn mix(self, job: MixJob<'_>) {
        match self.0 {
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            backend if backend != Backend::Scalar => unsafe { native::mix(backend, job) },
            _ => mix_portably(job),
        }
    }

    /// Starts to use the kernels.
    pub fn session(self) -> Session {
        Session { available: self, state: native::State::default() }
    }
}

/// Kernels in use, with what a backend sets up once for many operations.
#[derive(Debug)]
pub struct Session {
    available: Available,
    state: native::State,
}

impl Session {
    /// Convolves one sample; see [`ops::conv`].
    pub fn conv(&mut self, job: ConvJob<'_>) {
        self.doubt();
        self.conv_undisturbed(job);
    }

    /// Has the next convolution look whether what was set up still is, for other code may have run.
    pub(crate) fn doubt(&mut self) {
        self.state.doubt();
    }

    /// [`conv`](Self::conv) right after another one on the same thread, or after [`doubt`](Self::doubt).
    pub(crate) fn conv_undisturbed(&mut self, job: ConvJob<'_>) {
        match self.available.0 {
            Backend::Scalar => ops::conv(job),
            // SAFETY: as above.
            backend => unsafe { self.state.conv(backend, job) },
        }
    }

    /// Puts every value through a table; see [`ops::lookup`].
    pub fn lookup(&mut self, op: &LookupOp<'_>, input: &[u8], output: &mut [u8]) {
        match self.available.0 {
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            backend if backend != Backend::Scalar => unsafe { native::lookup(backend, op, input, output) },
            _ => ops::lookup(op, input, output),
        }
    }

    /// Does a job without weights; see [`ops::unweighted`]: the portable code, compiled for the backend.
    pub fn unweighted(&mut self, job: UnweightedJob<'_>) {
        match self.available.0 {
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            backend if backend != Backend::Scalar => unsafe { native::unweighted(backend, job) },
            _ => unweighted_portably(job),
        }
    }
}

/// The definition of [`Available::copy`]; once in a program.
#[inline(never)]
fn copy_portably(job: CopyJob<'_>) {
    write_copy::<OneByOne>(job);
}

/// The definition of [`Available::mix`]; once in a program.
#[inline(never)]
fn mix_portably(job: MixJob<'_>) {
    write_mix::<OneByOne>(job);
}

/// The definition of [`Session::unweighted`]; once in a program.
#[inline(never)]
fn unweighted_portably(job: UnweightedJob<'_>) {
    ops::unweighted(job);
}

#[cfg(test)]
mod tests {
    use super::Backend;

    #[test]
    fn names_lead_back_to_backends() {
        for backend in Backend::ALL {
            assert_eq!(Backend::from_name(backend.name()), Some(backend));
            assert_eq!(
                backend.available().map(|key| key.backend()),
                backend.is_available().then_some(backend)
            );
        }
        assert_eq!(Backend::from_name("AVX2"), None);
        assert!(Backend::Scalar.is_available() && Backend::best().is_available());
    }
}
