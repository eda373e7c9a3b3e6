//! How much stack was used: unused stack is painted, and later one looks how far the paint is gone.

use core::arch::asm;
use core::ptr;

const PAINT: u32 = 0xC5C5_C5C5;

unsafe extern "C" {
    /// End of the static variables, from the linker script of cortex-m-rt.
    static mut __sheap: u32;
    /// Where the stack starts.
    static mut _stack_start: u32;
}

/// The words between the static variables and the stack pointer.
fn unused() -> (*mut u32, *mut u32) {
    let pointer: *mut u32;
    // SAFETY: reads a register.
    unsafe { asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    (&raw mut __sheap, pointer)
}

/// Paints the stack below this function.
pub fn paint() {
    let (mut at, end) = unused();
    while at < end {
        // SAFETY: nothing lives between the static variables and the stack pointer.
        unsafe { ptr::write_volatile(at, PAINT) };
        at = at.wrapping_add(1);
    }
}

/// Bytes from the start of the stack to the deepest one that was written since [`paint`].
pub fn used() -> usize {
    let (mut at, end) = unused();
    // SAFETY: as above; reading is harmless.
    while at < end && unsafe { ptr::read_volatile(at) } == PAINT {
        at = at.wrapping_add(1);
    }
    (&raw const _stack_start).addr() - at.addr()
}
