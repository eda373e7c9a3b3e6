//! x86-64.

pub(crate) mod amx;
pub(crate) mod avx2;
pub(crate) mod avx512vnni;
pub(crate) mod avxvnni;
mod requant256;
mod requant512;
mod scan;
mod tiles;

use crate::smooth::copies::{CopyJob, write_copy};

#[target_feature(enable = "avx2")]
pub(crate) fn copy_avx2(job: CopyJob<'_>) {
    write_copy(job);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(crate) fn copy_avx512(job: CopyJob<'_>) {
    write_copy(job);
}

/// Whether AVX2 code may run.
pub fn has_avx2() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(feature = "std"))]
    cfg!(target_feature = "avx2")
}

/// Whether code with AVX2 and AVX-VNNI may run.
pub fn has_avxvnni() -> bool {
    #[cfg(feature = "std")]
    return has_avx2() && std::is_x86_feature_detected!("avxvnni");
    #[cfg(not(feature = "std"))]
    cfg!(all(target_feature = "avx2", target_feature = "avxvnni"))
}

/// Whether code with AVX-512 F, BW, VL and VNNI may run.
pub fn has_avx512vnni() -> bool {
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
