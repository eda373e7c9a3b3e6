//! Convolution with `smull`, `smlal` and `sadalp`, which every AArch64 CPU has.
//!
//! Activations are moved by 128, so that both operands are i8; the biases make up for it. A product is within
//! 128 * 127, and two of them fit i16: `smull` and `smlal` add those of two weight groups, and `sadalp` adds
//! neighbours to two 32-bit partial sums per output. Nothing saturates.
//!
//! A tile keeps sixteen outputs of two pixels in registers. Tiles lie within a row; the last one of a row is
//! moved left until it fits, so some pixels are computed twice with the same result.

use super::outputs::{GROUP, Outputs, Sums, load_weights};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::ConvJob;
use core::arch::aarch64::*;

/// Two partial sums of each of sixteen outputs.
type Partial = [int32x4_t; 8];

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "neon")]
pub(crate) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let width = plan.output.width;
    for block in 0..plan.filter.blocks() {
        let outputs = Outputs::signed(plan, block);
        for y in 0..plan.output.height {
            let mut x = 0;
            while x < width {
                x += if width >= 2 {
                    tile::<2>(&outputs, &mut job, y, x.min(width - 2))
                } else {
                    tile::<1>(&outputs, &mut job, y, x)
                };
            }
        }
    }
}

/// `P` pixels of row `y` from `x` on; gives `P`.
#[inline]
#[target_feature(enable = "neon")]
fn tile<const P: usize>(outputs: &Outputs<'_>, job: &mut ConvJob<'_>, y: usize, x: usize) -> usize {
    let acc = accumulate::<P>(outputs, job, y, x);
    let sum = |acc: Partial| -> Sums { core::array::from_fn(|q| vpaddq_s32(acc[2 * q], acc[2 * q + 1])) };
    outputs.finish(acc.map(sum), job, y, x);
    P
}

#[inline]
#[target_feature(enable = "neon")]
fn accumulate<const P: usize>(outputs: &Outputs<'_>, job: &ConvJob<'_>, y: usize, x: usize) -> [Partial; P] {
    let plan = job.plan();
    debug_assert!(y < plan.output.height && x + P <= plan.output.width);
    let mut acc = [first(outputs.bias); P];
    let mut weights = outputs.weights.as_ptr();
    for row in 0..plan.rows {
        let start = job.input().as_ptr().wrapping_add(plan.window(y, x) + row * plan.row_bytes);
        let pixels: [*const u8; P] = core::array::from_fn(|p| start.wrapping_add(p * plan.step_x));
        let pairs = plan.run - plan.run % (2 * CHANNEL_GROUP);
        // SAFETY: the pixels lie in the output; plan and job have checked that every run of their windows lies
        // in the input, and the plan that a block holds `rows * run` weights for each output.
        unsafe {
            for at in (0..pairs).step_by(2 * CHANNEL_GROUP) {
                let u = pixels.map(|pixel| [signed(pixel.add(at)), signed(pixel.add(at + CHANNEL_GROUP))]);
                let w = [load_weights(weights), load_weights(weights.add(GROUP))];
                advance(&mut acc, u, w);
                weights = weights.add(2 * GROUP);
            }
            if pairs < plan.run {
                let zero = vdupq_n_s8(0);
                let u = pixels.map(|pixel| [signed(pixel.add(pairs)), zero]);
                advance(&mut acc, u, [load_weights(weights), [zero; 4]]);
                weights = weights.add(GROUP);
            }
        }
    }
    acc
}

/// Adds the products of two weight groups with the activations of as many depths.
#[inline]
#[target_feature(enable = "neon")]
fn advance<const P: usize>(acc: &mut [Partial; P], u: [[int8x16_t; 2]; P], w: [[int8x16_t; 4]; 2]) {
    for q in 0..4 {
        for (acc, u) in acc.iter_mut().zip(u) {
            let low = vmull_s8(vget_low_s8(w[0][q]), vget_low_s8(u[0]));
            let low = vmlal_s8(low, vget_low_s8(w[1][q]), vget_low_s8(u[1]));
            acc[2 * q] = vpadalq_s16(acc[2 * q], low);
            let high = vmlal_high_s8(vmull_high_s8(w[0][q], u[0]), w[1][q], u[1]);
            acc[2 * q + 1] = vpadalq_s16(acc[2 * q + 1], high);
        }
    }
}

/// Partial sums that add up to the given ones.
#[inline]
#[target_feature(enable = "neon")]
fn first(sums: Sums) -> Partial {
    let zero = vdupq_n_s32(0);
    core::array::from_fn(|i| {
        let sums = sums[i / 2];
        if i % 2 == 0 { vzip1q_s32(sums, zero) } else { vzip2q_s32(sums, zero) }
    })
}

/// Four activations less 128, for each of four outputs.
///
/// # Safety
/// Four bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
unsafe fn signed(u: *const u8) -> int8x16_t {
    // SAFETY: the caller's promise.
    let four = unsafe { u.cast::<u32>().read_unaligned() };
    vreinterpretq_s8_u32(veorq_u32(vdupq_n_u32(four), vdupq_n_u32(0x8080_8080)))
}
