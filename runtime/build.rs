//! Tells which kernels of Arm microcontrollers fit the target: the compiler does not show all of their target features.
//!
//! Armv7E-M always has the DSP extension. On Armv8-M it is an option: `--cfg ringfence_dsp` says that a part has it, and
//! `--cfg ringfence_helium` that it has the vector extension, which comes with the other one.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(ringfence_dsp)");
    println!("cargo::rustc-check-cfg=cfg(ringfence_helium)");
    let is_armv7em = env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv7em"));
    if is_armv7em || env::var_os("CARGO_CFG_RINGFENCE_HELIUM").is_some() {
        println!("cargo::rustc-cfg=ringfence_dsp");
    }
}
