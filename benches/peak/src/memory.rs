//! Bytes a second that one core reads from its caches and from memory.

use crate::sample::Sampler;
use std::arch::asm;

#[derive(Clone, Copy)]
#[repr(align(64))]
struct Line(#[allow(dead_code)] [u8; 64]);

/// Working sets for L1, L2, the shared cache and memory.
const KIB: [usize; 7] = [16, 32, 256, 1024, 1536, 8192, 262_144];

/// Sums over working sets of growing size.
pub fn measure(sampler: &mut Sampler) {
    let wide = is_x86_feature_detected!("avx512f");
    if !wide && !is_x86_feature_detected!("avx2") {
        return;
    }
    for kib in KIB {
        let bytes = (kib * 1024) as u64;
        let buffer = vec![Line([1; 64]); kib * 16];
        let passes = (8 << 20) / bytes.min(8 << 20);
        let turns = bytes / 512;
        sampler.add(format!("read {kib} KiB"), "GB/s", passes * bytes, || {
            for _ in 0..passes {
                if wide {
                    // SAFETY: AVX-512 is there; `turns` times 512 bytes lie in the buffer.
                    unsafe {
                        asm!("2:", "vpord zmm0, zmm0, [{p}]", "vpord zmm1, zmm1, [{p} + 64]",
                            "vpord zmm2, zmm2, [{p} + 128]", "vpord zmm3, zmm3, [{p} + 192]",
                            "vpord zmm4, zmm4, [{p} + 256]", "vpord zmm5, zmm5, [{p} + 320]",
                            "vpord zmm6, zmm6, [{p} + 384]", "vpord zmm7, zmm7, [{p} + 448]",
                            "add {p}, 512", "dec {n}", "jnz 2b",
                            p = inout(reg) buffer.as_ptr() => _, n = inout(reg) turns => _,
                            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                            out("xmm5") _, out("xmm6") _, out("xmm7") _, options(nostack, readonly));
                    }
                } else {
                    // SAFETY: AVX2 is there; twice `turns` times 256 bytes lie in the buffer.
                    unsafe {
                        asm!("2:", "vpor ymm0, ymm0, [{p}]", "vpor ymm1, ymm1, [{p} + 32]",
                            "vpor ymm2, ymm2, [{p} + 64]", "vpor ymm3, ymm3, [{p} + 96]",
                            "vpor ymm4, ymm4, [{p} + 128]", "vpor ymm5, ymm5, [{p} + 160]",
                            "vpor ymm6, ymm6, [{p} + 192]", "vpor ymm7, ymm7, [{p} + 224]",
                            "add {p}, 256", "dec {n}", "jnz 2b",
                            p = inout(reg) buffer.as_ptr() => _, n = inout(reg) turns * 2 => _,
                            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
                            out("xmm5") _, out("xmm6") _, out("xmm7") _, options(nostack, readonly));
                    }
                }
            }
        });
    }
}
