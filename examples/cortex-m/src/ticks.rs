//! Instructions, counted with SysTick.
//!
//! With `-icount shift=0` the emulator takes one instruction for a nanosecond, so that a tick of a clock of f Hz is `1e9 / f`
//! instructions: exactly repeatable. It counts instructions and not cycles.

use core::sync::atomic::{AtomicU32, Ordering};
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;

/// Ticks between two exceptions: the counter has 24 bits.
pub const PERIOD: u32 = 1 << 24;

static PERIODS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    // Without compare-and-swap, which small cores lack; nothing else writes it.
    PERIODS.store(PERIODS.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

/// Starts to count.
pub fn start(systick: &mut SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(PERIOD - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

/// Ticks since [`start`].
pub fn now() -> u64 {
    loop {
        let periods = PERIODS.load(Ordering::Relaxed);
        let left = SYST::get_current();
        // A period that ended between the two would be missed.
        if periods == PERIODS.load(Ordering::Relaxed) {
            return u64::from(periods) * u64::from(PERIOD) + u64::from(PERIOD - 1 - left);
        }
    }
}

/// How many instructions so many ticks are.
pub fn instructions(ticks: u64) -> u64 {
    ticks * 1_000_000_000 / CLOCK_HZ
}

/// Clock of the board.
const CLOCK_HZ: u64 = match u64::from_str_radix(env!("CLOCK_HZ"), 10) {
    Ok(clock) => clock,
    Err(_) => panic!("CLOCK_HZ is a number"),
};
