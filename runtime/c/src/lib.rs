//! The functions of `ringfence.h` in a library of their own: `libringfence.a`, and a shared one where there are such.
//!
//! Without the feature `std` it is complete for bare metal: nothing is asked of the program but the memory it passes.
#![no_std]

pub use ringfence_runtime::ffi::*;

/// Never called by a function of the library on a valid call (docs/hardening.md): the runtime answers errors as statuses.
#[cfg(not(feature = "std"))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
