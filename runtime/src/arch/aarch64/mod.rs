//! AArch64, little-endian.

pub(crate) mod dotprod;
pub(crate) mod i8mm;
pub(crate) mod neon;
mod outputs;

/// Whether code with NEON may run.
pub fn has_neon() -> bool {
    #[cfg(feature = "std")]
    let detected = std::arch::is_aarch64_feature_detected!("neon");
    #[cfg(not(feature = "std"))]
    let detected = cfg!(target_feature = "neon");
    cfg!(target_endian = "little") && detected
}

/// Whether code with NEON and its dot products of i8 may run.
pub fn has_dotprod() -> bool {
    #[cfg(feature = "std")]
    let detected = std::arch::is_aarch64_feature_detected!("dotprod");
    #[cfg(not(feature = "std"))]
    let detected = cfg!(target_feature = "dotprod");
    has_neon() && detected
}

/// Whether code with NEON, its dot products and its matrix products of i8 may run.
pub fn has_i8mm() -> bool {
    #[cfg(feature = "std")]
    let detected = std::arch::is_aarch64_feature_detected!("i8mm");
    #[cfg(not(feature = "std"))]
    let detected = cfg!(target_feature = "i8mm");
    has_dotprod() && detected
}
