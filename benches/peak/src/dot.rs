//! 8-bit and 16-bit dot products out of registers: independent accumulators, no loads.

use crate::sample::Sampler;
use std::arch::asm;
use std::time::Instant;

const TURNS: u64 = 100_000;

/// A loop of the given instructions; every vector register counts as overwritten.
macro_rules! turns {
    ($turns:expr, $($line:expr),+ $(,)?) => {
        asm!("2:", $($line),+, "dec {n}", "jnz 2b", n = inout(reg) $turns => _,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
            out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _, out("xmm11") _,
            out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _, options(nostack))
    };
}

/// Twelve accumulators, enough to hide the latency of any of these instructions.
macro_rules! twelve {
    ($op:literal, $reg:literal) => {
        turns!(
            TURNS,
            concat!($op, " ", $reg, "0, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "1, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "2, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "3, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "4, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "5, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "6, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "7, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "8, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "9, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "10, ", $reg, "14, ", $reg, "15"),
            concat!($op, " ", $reg, "11, ", $reg, "14, ", $reg, "15"),
        )
    };
}

/// u8 x i8 without a dot-product instruction: saturating pairs, then widened.
macro_rules! maddubs {
    ($t:literal, $acc:literal) => {
        concat!(
            "vpmaddubsw ",
            $t,
            ", ymm14, ymm15\nvpmaddwd ",
            $t,
            ", ",
            $t,
            ", ymm13\nvpaddd ",
            $acc,
            ", ",
            $acc,
            ", ",
            $t
        )
    };
}

/// i16 x i16: exact for bytes that were widened before.
macro_rules! maddwd {
    ($t:literal, $acc:literal) => {
        concat!("vpmaddwd ", $t, ", ymm14, ymm15\nvpaddd ", $acc, ", ", $acc, ", ", $t)
    };
}

/// Clock from a chain of multiplications, three cycles each.
pub fn clock_ghz() -> f64 {
    const CHAIN: u64 = 500_000;
    (0..40)
        .map(|_| {
            let start = Instant::now();
            // SAFETY: only the named general registers change.
            unsafe {
                asm!("2:", "imul {x}, {x}", "imul {x}, {x}", "imul {x}, {x}", "imul {x}, {x}", "dec {n}", "jnz 2b",
                    x = inout(reg) 3u64 => _, n = inout(reg) CHAIN => _, options(nostack, nomem));
            }
            (CHAIN * 4 * 3) as f64 / start.elapsed().as_secs_f64() / 1e9
        })
        .fold(0.0, f64::max)
}

/// Every instruction set that this CPU has.
pub fn measure(sampler: &mut Sampler) {
    if is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 is there; the block names every register it writes and touches no memory.
        sampler.add("avx2 i8 maddubs+maddwd+paddd", "GMAC/s", TURNS * 6 * 32, || unsafe {
            turns!(
                TURNS,
                maddubs!("ymm0", "ymm6"),
                maddubs!("ymm1", "ymm7"),
                maddubs!("ymm2", "ymm8"),
                maddubs!("ymm3", "ymm9"),
                maddubs!("ymm4", "ymm10"),
                maddubs!("ymm5", "ymm11")
            );
        });
        // SAFETY: as above.
        sampler.add("avx2 i16 maddwd+paddd", "GMAC/s", TURNS * 6 * 16, || unsafe {
            turns!(
                TURNS,
                maddwd!("ymm0", "ymm6"),
                maddwd!("ymm1", "ymm7"),
                maddwd!("ymm2", "ymm8"),
                maddwd!("ymm3", "ymm9"),
                maddwd!("ymm4", "ymm10"),
                maddwd!("ymm5", "ymm11")
            );
        });
    }
    if is_x86_feature_detected!("avxvnni") {
        // SAFETY: AVX-VNNI is there; registers are named, no memory is touched.
        sampler.add("avxvnni i8 vpdpbusd ymm", "GMAC/s", TURNS * 12 * 32, || unsafe {
            twelve!("{{vex}} vpdpbusd", "ymm");
        });
    }
    if is_x86_feature_detected!("avx512vnni") {
        // SAFETY: AVX512-VNNI is there; registers are named, no memory is touched.
        sampler.add("avx512vnni i8 vpdpbusd zmm", "GMAC/s", TURNS * 12 * 64, || unsafe {
            twelve!("vpdpbusd", "zmm");
        });
    }
}
