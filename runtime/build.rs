//! Tells which kernels of Arm microcontrollers fit the target: the compiler does not show all of their target features.
//!
//! Armv7E-M always has the DSP extension. On Armv8-M it is an option: `--cfg ringfence_dsp` says that a part has it, and
//! `--cfg ringfence_helium` beside it that the part also has the vector extension.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-check-cfg=cfg(ringfence_dsp)");
    println!("cargo::rustc-check-cfg=cfg(ringfence_helium)");
    if env::var("TARGET").is_ok_and(|target| target.starts_with("thumbv7em")) {
        println!("cargo::rustc-cfg=ringfence_dsp");
    }
}
