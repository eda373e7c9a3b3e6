//! AMX tiles: permission, configuration and the product of tiles, in assembly (the intrinsics are not stable).
//!
//! Tiles 0 to 3 are accumulators, 4 and 5 hold activations, 6 and 7 weights. No value is left in a tile from one
//! piece of assembly to the next, only the configuration is.

use core::arch::asm;

/// Bytes of a row of a tile.
pub(super) const ROW: usize = 64;

/// Accumulators of four tiles of sixteen rows.
#[repr(C, align(64))]
pub(super) struct Accumulators(pub [[i32; 16]; 64]);

/// Whether this CPU has AMX for int8 and the operating system lets this process use it.
#[cfg(all(feature = "std", target_os = "linux"))]
pub(super) fn are_permitted() -> bool {
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
pub(super) fn are_permitted() -> bool {
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
        asm!(
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

#[repr(C, align(64))]
struct Config {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Sets up the tiles: `pixels` rows of accumulators and of `depth` bytes of activations.
///
/// # Safety
/// Tiles are permitted; `pixels` is 1..=16, `depth` a multiple of four in 4..=64.
pub(super) unsafe fn configure(pixels: usize, depth: usize) {
    let (pixels, depth) = (pixels as u8, depth as u16);
    let mut config =
        Config { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
    config.row_bytes[..8].copy_from_slice(&[64, 64, 64, 64, depth, depth, 64, 64]);
    let groups = (depth / 4) as u8;
    config.rows[..8].copy_from_slice(&[pixels, pixels, pixels, pixels, pixels, pixels, groups, groups]);
    // SAFETY: the configuration is valid by the contract of this function.
    unsafe { asm!("ldtilecfg [{}]", in(reg) &config, options(nostack, readonly, preserves_flags)) };
}

/// Gives the tiles back, so that the operating system need not save them.
///
/// # Safety
/// Tiles are permitted.
pub(super) unsafe fn release() {
    // SAFETY: by the contract of this function.
    unsafe { asm!("tilerelease", options(nostack, nomem, preserves_flags)) };
}

/// What a product of tiles walks over: `rows` rows of `chunks` chunks of depth.
#[repr(C)]
pub(super) struct Walk {
    /// Rows of the kernel.
    pub rows: usize,
    /// Chunks of a row.
    pub chunks: usize,
    /// Bytes of activations from one chunk to the next.
    pub chunk: usize,
    /// Bytes from the end of a row's last chunk to the next row's first.
    pub gap: usize,
    /// Bytes of weights from one chunk to the next.
    pub weights: usize,
    /// Bytes of activations from one pixel to the next.
    pub step: usize,
}

/// Two tiles of pixels times two blocks of outputs; tile `p` of block `b` goes to rows `16 (2 b + p)..`.
///
/// # Safety
/// The tiles are configured; the walk, from `pixels` and from `weights`, stays within readable memory.
pub(super) unsafe fn two_by_two(
    walk: &Walk,
    pixels: [*const u8; 2],
    weights: [*const u8; 2],
    out: &mut core::mem::MaybeUninit<Accumulators>,
) {
    // SAFETY: by the contract of this function; `out` has room for four tiles.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "mov {r}, [{k}]",
            "2:",
            "mov {c}, [{k} + 8]",
            "3:",
            "tileloadd tmm6, [{w} + {row}*1]",
            "tileloadd tmm4, [{a} + {step}*1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "lea {t}, [{a} + {next_a}]",
            "tileloadd tmm5, [{t} + {step}*1]",
            "tdpbusd tmm1, tmm5, tmm6",
            "lea {t}, [{w} + {next_w}]",
            "tileloadd tmm7, [{t} + {row}*1]",
            "tdpbusd tmm2, tmm4, tmm7",
            "tdpbusd tmm3, tmm5, tmm7",
            "add {a}, [{k} + 16]",
            "add {w}, [{k} + 32]",
            "dec {c}",
            "jnz 3b",
            "add {a}, [{k} + 24]",
            "dec {r}",
            "jnz 2b",
            "tilestored [{out} + {row}*1], tmm0",
            "tilestored [{out} + {row}*1 + 1024], tmm1",
            "tilestored [{out} + {row}*1 + 2048], tmm2",
            "tilestored [{out} + {row}*1 + 3072], tmm3",
            k = in(reg) walk,
            a = inout(reg) pixels[0] => _,
            w = inout(reg) weights[0] => _,
            next_a = in(reg) pixels[1].offset_from(pixels[0]),
            next_w = in(reg) weights[1].offset_from(weights[0]),
            step = in(reg) walk.step,
            row = in(reg) ROW,
            out = in(reg) out.as_mut_ptr(),
            t = out(reg) _,
            c = out(reg) _,
            r = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}

/// Four tiles of pixels times one block of outputs; tile `p` goes to rows `16 p..`.
///
/// # Safety
/// As [`two_by_two`].
pub(super) unsafe fn four_by_one(
    walk: &Walk,
    pixels: [*const u8; 4],
    weights: *const u8,
    out: &mut core::mem::MaybeUninit<Accumulators>,
) {
    // SAFETY: by the contract of this function; `out` has room for four tiles.
    unsafe {
        asm!(
            "tilezero tmm0",
            "tilezero tmm1",
            "tilezero tmm2",
            "tilezero tmm3",
            "mov {r}, [{k}]",
            "2:",
            "mov {c}, [{k} + 8]",
            "3:",
            "tileloadd tmm6, [{w} + {row}*1]",
            "tileloadd tmm4, [{a} + {step}*1]",
            "tdpbusd tmm0, tmm4, tmm6",
            "lea {t}, [{a} + {a1}]",
            "tileloadd tmm5, [{t} + {step}*1]",
            "tdpbusd tmm1, tmm5, tmm6",
            "lea {t}, [{a} + {a2}]",
            "tileloadd tmm4, [{t} + {step}*1]",
            "tdpbusd tmm2, tmm4, tmm6",
            "lea {t}, [{a} + {a3}]",
            "tileloadd tmm5, [{t} + {step}*1]",
            "tdpbusd tmm3, tmm5, tmm6",
            "add {a}, [{k} + 16]",
            "add {w}, [{k} + 32]",
            "dec {c}",
            "jnz 3b",
            "add {a}, [{k} + 24]",
            "dec {r}",
            "jnz 2b",
            "tilestored [{out} + {row}*1], tmm0",
            "tilestored [{out} + {row}*1 + 1024], tmm1",
            "tilestored [{out} + {row}*1 + 2048], tmm2",
            "tilestored [{out} + {row}*1 + 3072], tmm3",
            k = in(reg) walk,
            a = inout(reg) pixels[0] => _,
            w = inout(reg) weights => _,
            a1 = in(reg) pixels[1].offset_from(pixels[0]),
            a2 = in(reg) pixels[2].offset_from(pixels[0]),
            a3 = in(reg) pixels[3].offset_from(pixels[0]),
            step = in(reg) walk.step,
            row = in(reg) ROW,
            out = in(reg) out.as_mut_ptr(),
            t = out(reg) _,
            c = out(reg) _,
            r = out(reg) _,
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack),
        );
    }
}
