//! Instruction sets that the convolution is written for.
//!
//! The scalar code in [`ops`] is the definition; every backend gives the same bits. Only a backend
//! that this CPU can run yields an [`Available`], and only that leads to kernels: with the feature `std` the
//! CPU is asked once, without it the target features of the build decide.

use crate::ops::{self, ConvJob};

#[cfg(target_arch = "aarch64")]
pub mod aarch64;
#[cfg(target_arch = "x86_64")]
pub mod x86_64;

/// An instruction set.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Backend {
    /// Portable code; runs everywhere.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 F, BW, VL and VNNI.
    Avx512Vnni,
    /// AArch64 with NEON, which all have.
    Neon,
    /// AArch64 with dot products of i8.
    Dotprod,
    /// AArch64 with dot products and matrix products of i8.
    I8mm,
}

impl Backend {
    /// All backends, slowest first.
    pub const ALL: [Self; 6] =
        [Self::Scalar, Self::Avx2, Self::Avx512Vnni, Self::Neon, Self::Dotprod, Self::I8mm];

    /// The name that [`from_name`](Self::from_name) takes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Avx2 => "avx2",
            Self::Avx512Vnni => "avx512vnni",
            Self::Neon => "neon",
            Self::Dotprod => "dotprod",
            Self::I8mm => "i8mm",
        }
    }

    /// The backend of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|backend| backend.name() == name)
    }

    /// Whether this CPU (without `std`: the build's target) can run the backend.
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => x86_64::has_avx2(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => x86_64::has_avx512vnni(),
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512Vnni => false,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => aarch64::has_neon(),
            #[cfg(target_arch = "aarch64")]
            Self::Dotprod => aarch64::has_dotprod(),
            #[cfg(target_arch = "aarch64")]
            Self::I8mm => aarch64::has_i8mm(),
            #[cfg(not(target_arch = "aarch64"))]
            Self::Neon | Self::Dotprod | Self::I8mm => false,
        }
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

    /// Convolves one sample; see [`ops::conv`].
    pub fn conv(self, job: ConvJob<'_>) {
        match self.0 {
            Backend::Scalar => ops::conv(job),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: an `Available` is made only for a CPU with the features of its backend.
            Backend::Avx2 => unsafe { x86_64::avx2::conv(job) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            Backend::Avx512Vnni => unsafe { x86_64::avx512vnni::conv(job) },
            #[cfg(not(target_arch = "x86_64"))]
            Backend::Avx2 | Backend::Avx512Vnni => ops::conv(job),
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Backend::Neon => unsafe { aarch64::neon::conv(job) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Backend::Dotprod => unsafe { aarch64::dotprod::conv(job) },
            #[cfg(target_arch = "aarch64")]
            // SAFETY: as above.
            Backend::I8mm => unsafe { aarch64::i8mm::conv(job) },
            #[cfg(not(target_arch = "aarch64"))]
            Backend::Neon | Backend::Dotprod | Backend::I8mm => ops::conv(job),
        }
    }
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
