//! AMX: 16x16 tiles of i32 from 16x64 bytes. The intrinsics are not stable, the assembler is.

use crate::sample::Sampler;
use std::arch::asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};

const TILE_MACS: u64 = 16 * 16 * 64;

#[repr(C, align(64))]
struct TileConfig {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    bytes_a_row: [u16; 16],
    rows: [u8; 16],
}

/// Whether the CPU has AMX and the kernel lets this process use it.
fn allowed() -> bool {
    if __cpuid(0).eax < 7 {
        return false;
    }
    let features = __cpuid_count(7, 0).edx;
    let (tile, int8) = (features >> 24 & 1 == 1, features >> 25 & 1 == 1);
    tile && int8 && cfg!(target_os = "linux") && request() == 0
}

/// Asks Linux for the tile registers.
fn request() -> i64 {
    const ARCH_PRCTL: i64 = 158;
    const ARCH_REQ_XCOMP_PERM: u64 = 0x1023;
    const XTILEDATA: u64 = 18;
    let result: i64;
    // SAFETY: a system call that changes nothing in memory; the registers it clobbers are named.
    unsafe {
        asm!("syscall", inout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM, in("rsi") XTILEDATA,
            out("rcx") _, out("r11") _, options(nostack));
    }
    result
}

/// Tiles out of registers, then out of the caches in blocks of 2x2 as a matrix product loads them.
pub fn measure(sampler: &mut Sampler) {
    if !allowed() {
        return;
    }
    let mut config =
        TileConfig { palette: 1, start_row: 0, reserved: [0; 14], bytes_a_row: [0; 16], rows: [0; 16] };
    config.bytes_a_row[..8].fill(64);
    config.rows[..8].fill(16);
    // SAFETY: the configuration is 64 bytes of the layout that palette 1 asks for.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly)) };

    let turns = 30_000u64;
    sampler.add("amx i8 tdpbusd, registers", "GMAC/s", turns * 4 * TILE_MACS, || {
        // SAFETY: tiles are configured; the ones written are named.
        unsafe {
            asm!("2:", "tdpbusd tmm0, tmm4, tmm6", "tdpbusd tmm1, tmm4, tmm7", "tdpbusd tmm2, tmm5, tmm6",
                "tdpbusd tmm3, tmm5, tmm7", "dec {n}", "jnz 2b", n = inout(reg) turns => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, options(nostack));
        }
    });
    for kib in [32usize, 1024] {
        let buffer = Blocks::new(kib);
        let steps = (kib * 1024 / 4096) as u64;
        let passes = 256 * 32 / kib as u64;
        sampler.add(
            format!("amx i8 2x2 blocks from {kib} KiB"),
            "GMAC/s",
            passes * steps * 4 * TILE_MACS,
            || {
                for _ in 0..passes {
                    // SAFETY: `steps` blocks of 4096 bytes lie in the buffer; tiles are configured and named.
                    unsafe {
                        asm!("2:", "tileloadd tmm4, [{p} + {s}*1]", "tileloadd tmm6, [{p} + {s}*1 + 2048]",
                        "tdpbusd tmm0, tmm4, tmm6", "tileloadd tmm7, [{p} + {s}*1 + 3072]",
                        "tdpbusd tmm1, tmm4, tmm7", "tileloadd tmm5, [{p} + {s}*1 + 1024]",
                        "tdpbusd tmm2, tmm5, tmm6", "tdpbusd tmm3, tmm5, tmm7", "add {p}, 4096",
                        "dec {n}", "jnz 2b",
                        p = inout(reg) buffer.0.as_ptr() => _, s = in(reg) 64usize, n = inout(reg) steps => _,
                        out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _, out("tmm4") _,
                        out("tmm5") _, out("tmm6") _, out("tmm7") _, options(nostack, readonly));
                    }
                }
            },
        );
    }
    loads(sampler);
    // SAFETY: gives the tile registers back; nothing uses them any more.
    unsafe { asm!("tilerelease", options(nostack, nomem)) };
}

/// Tile loads out of the first cache: what rows cost that straddle two lines, as windows of few channels do.
fn loads(sampler: &mut Sampler) {
    let (turns, buffer) = (10_000u64, Blocks::new(8));
    for (name, offset, step) in [
        ("amx tile loads, rows in lines", 0usize, 64usize),
        ("amx tile loads, every second row straddles", 0, 32),
        ("amx tile loads, all rows straddle", 32, 64),
    ] {
        sampler.add(name, "GB/s", turns * 2 * 1024, || {
            // SAFETY: tiles are configured and named; two tiles of sixteen rows lie in the buffer.
            unsafe {
                asm!("2:", "tileloadd tmm4, [{p} + {s}*1]", "tileloadd tmm5, [{p} + {s}*1 + 1024]", "dec {n}", "jnz 2b",
                    p = in(reg) buffer.0.as_ptr().cast::<u8>().wrapping_add(offset), s = in(reg) step,
                    n = inout(reg) turns => _, out("tmm4") _, out("tmm5") _, options(nostack, readonly));
            }
        });
    }
}

/// Cache lines, so that no tile row crosses one.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line([u8; 64]);

/// A buffer of whole lines.
struct Blocks(Vec<Line>);

impl Blocks {
    fn new(kib: usize) -> Self {
        let line = Line([1; 64]);
        std::hint::black_box(line.0[0]);
        Self(vec![line; kib * 16])
    }
}
