//! Convolution with `usmmla`: eight u8 x i8 products per 32-bit lane, added exactly.
//!
//! One instruction multiplies two pixels by two outputs over a depth of eight. Two registers of weights (four
//! outputs each, from two groups of depth) are zipped to two with eight depths of two outputs; a register of
//! activations holds eight depths of two pixels. Lanes of an accumulator are (pixel, output): (0, 0), (0, 1),
//! (1, 0), (1, 1).
//!
//! A tile keeps sixteen outputs of up to six pixels in registers. Tiles lie within a row; the last one of a
//! row is moved left until it fits, so some pixels are computed twice with the same result.

use super::outputs::{GROUP, Outputs, Sums, load_weights};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::ConvJob;
use core::arch::{aarch64::*, asm};

/// Depth of one instruction.
const WIDE: usize = 2 * CHANNEL_GROUP;

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
                    4 | 7 | 8 => tile::<4, 2>(&outputs, &mut job, y, x),
                    5.. if width >= 6 => tile::<6, 3>(&outputs, &mut job, y, x.min(width - 6)),
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
    let sums = core::array::from_fn::<Sums, P, _>(|p| pixel(&acc[p / 2], p % 2));
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
        let pixel = |p: usize| start.wrapping_add(p.min(P - 1) * plan.step_x);
        let pairs: [[*const u8; 2]; N] = core::array::from_fn(|n| [pixel(2 * n), pixel(2 * n + 1)]);
        let wide = plan.run - plan.run % WIDE;
        // SAFETY: the pixels lie in the output; plan and job have checked that every run of their windows lies
        // in the input, and the plan that a block holds `rows * run` weights for each output.
        unsafe {
            for at in (0..wide).step_by(WIDE) {
                let u = pairs.map(|[a, b]| vcombine_u8(vld1_u8(a.add(at)), vld1_u8(b.add(at))));
                advance(&mut acc, u, load_weights(weights), load_weights(weights.add(GROUP)));
                weights = weights.add(2 * GROUP);
            }
            if wide < plan.run {
                let u = pairs.map(|pair| {
                    let [a, b] = pair.map(|pixel| pixel.add(wide).cast::<u32>().read_unaligned());
                    vreinterpretq_u8_u64(vcombine_u64(vdup_n_u64(a.into()), vdup_n_u64(b.into())))
                });
                // The upper weights meet zeros.
                let w = load_weights(weights);
                advance(&mut acc, u, w, w);
                weights = weights.add(GROUP);
            }
        }
    }
    acc
}

/// Adds the products of two weight groups with eight depths of the pixels.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn advance<const N: usize>(
    acc: &mut [Pair; N],
    u: [uint8x16_t; N],
    low: [int8x16_t; 4],
    high: [int8x16_t; 4],
) {
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
        let [a, b] = [pair[2 * q], pair[2 * q + 1]].map(|sums| vreinterpretq_s64_s32(sums));
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
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
