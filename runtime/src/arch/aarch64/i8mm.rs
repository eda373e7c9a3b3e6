//! Convolution with `usmmla`: eight u8 x i8 products per 32-bit lane, added exactly.
//!
//! One instruction multiplies two pixels by two outputs over a depth of eight. Two registers of weights (four
//! outputs each, from two groups of depth) are zipped to two with eight depths of two outputs; a register of
//! activations holds eight depths of two pixels. Lanes of an accumulator are (pixel, output): (0, 0), (0, 1),
//! (1, 0), (1, 1).
//!
//! A tile keeps sixteen outputs of up to four pixels in registers. Tiles lie within a row; the last one of a
//! row is moved left until it fits, so some pixels are computed twice with the same result.

use super::outputs::{GROUP, Outputs, Sums, load_weights};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::ConvJob;
use core::arch::{aarch64::*, asm};

/// Depths of a register of activations of one pixel.
const WIDE: usize = 4 * CHANNEL_GROUP;

/// Sixteen outputs of two pixels.
type Pair = [int32x4_t; 8];

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "neon,i8mm")]
pub(crate) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let width = plan.output.width;
    for block in 0..plan.filter.blocks() {
        let outputs = Outputs::new(plan, block);
        for y in 0..plan.output.height {
            let mut x = 0;
            while x < width {
                x += match width - x {
                    3.. if width >= 4 => tile::<4, 2>(&outputs, &mut job, y, x.min(width - 4)),
                    2.. => tile::<2, 1>(&outputs, &mut job, y, x),
                    _ => tile::<1, 1>(&outputs, &mut job, y, x),
                };
            }
        }
    }
}

/// `P` pixels of row `y` from `x` on, in `N` pairs; gives `P`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn tile<const P: usize, const N: usize>(
    outputs: &Outputs<'_>,
    job: &mut ConvJob<'_>,
    y: usize,
    x: usize,
) -> usize {
    let acc = accumulate::<P, N>(outputs, job, y, x);
    let mut sums = [[vdupq_n_s32(0); 4]; P];
    for (p, sums) in sums.iter_mut().enumerate() {
        *sums = pixel(&acc[p / 2], p % 2);
    }
    outputs.finish(sums, job, y, x);
    P
}

#[inline]
#[target_feature(enable = "neon,i8mm")]
fn accumulate<const P: usize, const N: usize>(
    outputs: &Outputs<'_>,
    job: &ConvJob<'_>,
    y: usize,
    x: usize,
) -> [Pair; N] {
    let plan = job.plan();
    debug_assert!(y < plan.output.height && x + P <= plan.output.width);
    let mut acc = [both(outputs.bias); N];
    let mut weights = outputs.weights.as_ptr();
    for row in 0..plan.rows {
        let start = job.input().as_ptr().wrapping_add(plan.window(y, x) + row * plan.row_bytes);
        let mut pairs = [[start; 2]; N];
        for (n, [a, b]) in pairs.iter_mut().enumerate() {
            *a = start.wrapping_add(2 * n * plan.step_x);
            *b = start.wrapping_add((2 * n + 1).min(P - 1) * plan.step_x);
        }
        let wide = plan.run - plan.run % WIDE;
        // SAFETY: the pixels lie in the output; plan and job have checked that every run of their windows lies
        // in the input, and the plan that a block holds `rows * run` weights for each output.
        unsafe {
            for at in (0..wide).step_by(WIDE) {
                let mut low = [vdupq_n_u8(0); N];
                let mut high = low;
                for (n, [a, b]) in pairs.into_iter().enumerate() {
                    let a = vreinterpretq_u64_u8(vld1q_u8(a.add(at)));
                    let b = vreinterpretq_u64_u8(vld1q_u8(b.add(at)));
                    low[n] = vreinterpretq_u8_u64(vzip1q_u64(a, b));
                    high[n] = vreinterpretq_u8_u64(vzip2q_u64(a, b));
                }
                advance(&mut acc, low, weights, weights.add(GROUP));
                advance(&mut acc, high, weights.add(2 * GROUP), weights.add(3 * GROUP));
                weights = weights.add(4 * GROUP);
            }
            for at in (wide..plan.run).step_by(CHANNEL_GROUP) {
                let mut u = [vdupq_n_u8(0); N];
                for (u, [a, b]) in u.iter_mut().zip(pairs) {
                    let a = vdup_n_u64(a.add(at).cast::<u32>().read_unaligned().into());
                    let b = vdup_n_u64(b.add(at).cast::<u32>().read_unaligned().into());
                    *u = vreinterpretq_u8_u64(vcombine_u64(a, b));
                }
                // The upper weights meet zeros.
                advance(&mut acc, u, weights, weights);
                weights = weights.add(GROUP);
            }
        }
    }
    acc
}

/// Adds the products of two weight groups with eight depths of the pixels.
///
/// # Safety
/// 64 bytes can be read from each group.
#[inline]
#[target_feature(enable = "neon,i8mm")]
unsafe fn advance<const N: usize>(acc: &mut [Pair; N], u: [uint8x16_t; N], low: *const u8, high: *const u8) {
    // SAFETY: the caller's promise.
    let (low, high) = unsafe { (load_weights(low), load_weights(high)) };
    for (q, (low, high)) in low.into_iter().zip(high).enumerate() {
        let (low, high) = (vreinterpretq_s32_s8(low), vreinterpretq_s32_s8(high));
        let first = vreinterpretq_s8_s32(vzip1q_s32(low, high));
        let second = vreinterpretq_s8_s32(vzip2q_s32(low, high));
        for (acc, u) in acc.iter_mut().zip(u) {
            acc[2 * q] = usmmla(acc[2 * q], u, first);
            acc[2 * q + 1] = usmmla(acc[2 * q + 1], u, second);
        }
    }
}

/// The same sums for both pixels of a pair.
#[inline]
#[target_feature(enable = "neon")]
fn both(sums: Sums) -> Pair {
    core::array::from_fn(|i| {
        let sums = vreinterpretq_s64_s32(sums[i / 2]);
        vreinterpretq_s32_s64(if i % 2 == 0 { vzip1q_s64(sums, sums) } else { vzip2q_s64(sums, sums) })
    })
}

/// The sums of one pixel of a pair.
#[inline]
#[target_feature(enable = "neon")]
fn pixel(pair: &Pair, which: usize) -> Sums {
    core::array::from_fn(|q| {
        let (a, b) = (vreinterpretq_s64_s32(pair[2 * q]), vreinterpretq_s64_s32(pair[2 * q + 1]));
        vreinterpretq_s32_s64(if which == 0 { vzip1q_s64(a, b) } else { vzip2q_s64(a, b) })
    })
}

/// Adds the products of two pixels with two outputs. (The intrinsic is not stable yet.)
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn usmmla(mut acc: int32x4_t, u: uint8x16_t, w: int8x16_t) -> int32x4_t {
    // SAFETY: works on registers alone.
    unsafe {
        asm!(
            "usmmla {acc:v}.4s, {u:v}.16b, {w:v}.16b",
            acc = inout(vreg) acc,
            u = in(vreg) u,
            w = in(vreg) w,
            options(nomem, nostack, preserves_flags),
        );
    }
    acc
}
