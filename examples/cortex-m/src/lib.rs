//! What the programs share: how memory and time are measured, and how a program ends.
#![no_std]

pub mod cases;
mod failure;
pub mod scene;
pub mod stack;
pub mod ticks;

use core::fmt::Display;
use core::panic::PanicInfo;
use cortex_m_semihosting::debug;
pub use failure::Failure;

/// Ends the program with an exit code of 0 or 1.
pub fn exit(result: Result<(), Failure>) -> ! {
    match result {
        Ok(()) => debug::exit(debug::EXIT_SUCCESS),
        Err(error) => {
            say(&error);
            debug::exit(debug::EXIT_FAILURE);
        }
    }
    // On a board without a debugger the program ends here.
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    say(info);
    exit(Err(Failure::Other("panic")))
}

#[cfg(not(feature = "quiet"))]
fn say(error: &dyn Display) {
    cortex_m_semihosting::hprintln!("error: {}", error);
}

#[cfg(feature = "quiet")]
fn say(_: &dyn Display) {}
