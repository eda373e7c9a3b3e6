//! Whether this process may use tiles.

/// Whether this CPU has AMX for int8 and the operating system lets this process use it.
#[cfg(all(feature = "std", target_os = "linux"))]
pub fn are_permitted() -> bool {
    use core::sync::atomic::{AtomicU8, Ordering};
    static ANSWER: AtomicU8 = AtomicU8::new(0);
    match ANSWER.load(Ordering::Relaxed) {
        0 => {
            let answer = are_present() && request();
            ANSWER.store(1 + u8::from(answer), Ordering::Relaxed);
            answer
        }
        known => known == 2,
    }
}

/// Without an operating system to ask, no.
#[cfg(not(all(feature = "std", target_os = "linux")))]
pub fn are_permitted() -> bool {
    false
}

/// CPUID leaf 7: AMX-TILE and AMX-INT8.
#[cfg(all(feature = "std", target_os = "linux"))]
fn are_present() -> bool {
    use core::arch::x86_64::{__cpuid, __cpuid_count};
    const TILE_AND_INT8: u32 = 0b11 << 24;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILE_AND_INT8 == TILE_AND_INT8
}

/// Asks Linux for the tiles: `arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)`.
#[cfg(all(feature = "std", target_os = "linux"))]
fn request() -> bool {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XFEATURE_XTILEDATA: u64 = 18;
    let answer: i64;
    // SAFETY: the call changes nothing but which state the kernel saves; it writes no memory of the process.
    unsafe {
        core::arch::asm!(
            "syscall",
            inout("rax") ARCH_PRCTL => answer,
            in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") XFEATURE_XTILEDATA,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    answer == 0
}
