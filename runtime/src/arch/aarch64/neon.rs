//! Convolution with `smull`, `smlal` and `sadalp`, which every AArch64 CPU has.
//!
//! Activations are moved by 128, so that both operands are i8; the biases make up for it. A product is within
//! 128 * 127, and two of them fit i16: `smull` and `smlal` add those of two weight groups, and `sadalp` adds
//! neighbours to two 32-bit partial sums per output. Nothing saturates.
//!
//! A tile keeps sixteen outputs of two pixels in registers. Tiles lie within a row and do not overlap: a residual
//! may lie in the place of the output.

use super::outputs::{GROUP, Outputs, Sums, load_weights};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::ConvJob;
use core::arch::{aarch64::*, asm};

/// Depths of a register of activations.
const WIDE: usize = 2 * CHANNEL_GROUP;

/// Two partial sums of each of sixteen outputs.
type Partial = [int32x4_t; 8];

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "neon")]
pub(super) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let width = plan.output.width;
    for block in 0..plan.filter.blocks() {
        let outputs = Outputs::signed(plan, block);
        for y in 0..plan.output.height {
            let mut x = 0;
            while x < width {
                x += if width - x >= 2 {
                    tile::<2>(&outputs, &mut job, y, x)
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
    let mut sums = [[vdupq_n_s32(0); 4]; P];
    for (sums, acc) in sums.iter_mut().zip(acc) {
        *sums = core::array::from_fn(|q| vpaddq_s32(acc[2 * q], acc[2 * q + 1]));
    }
    outputs.finish(sums, job, y, x);
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
        let wide = plan.run - plan.run % WIDE;
        // SAFETY: the pixels lie in the output; plan and job have checked that every run of their windows lies
        // in the input, and the plan that a block holds `rows * run` weights for each output.
        unsafe {
            for at in (0..wide).step_by(WIDE) {
                let mut u = [[vdupq_n_s8(0); 2]; P];
                for (u, pixel) in u.iter_mut().zip(pixels) {
                    *u = spread(vld1_u8(pixel.add(at)));
                }
                advance(&mut acc, u, [load_weights(weights), load_weights(weights.add(GROUP))]);
                weights = weights.add(2 * GROUP);
            }
            for at in (wide..plan.run).step_by(CHANNEL_GROUP) {
                let zero = vdupq_n_s8(0);
                let mut u = [[zero; 2]; P];
                for (u, pixel) in u.iter_mut().zip(pixels) {
                    let four = pixel.add(at).cast::<u32>().read_unaligned();
                    u[0] = spread(vreinterpret_u8_u32(vdup_n_u32(four)))[0];
                }
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
            let [low, high] = multiply([acc[2 * q], acc[2 * q + 1]], [w[0][q], w[1][q]], u);
            (acc[2 * q], acc[2 * q + 1]) = (low, high);
        }
    }
}

/// Adds the products of two groups with four outputs. (From intrinsics the compiler makes more instructions:
/// it sees that the halves of `u` are equal and spends moves on the halves of `w`.)
#[inline]
#[target_feature(enable = "neon")]
fn multiply(acc: [int32x4_t; 2], w: [int8x16_t; 2], u: [int8x16_t; 2]) -> [int32x4_t; 2] {
    let [mut low, mut high] = acc;
    // SAFETY: works on registers alone.
    unsafe {
        asm!(
            "smull {a:v}.8h, {w0:v}.8b, {u0:v}.8b",
            "smull2 {b:v}.8h, {w0:v}.16b, {u0:v}.16b",
            "smlal {a:v}.8h, {w1:v}.8b, {u1:v}.8b",
            "smlal2 {b:v}.8h, {w1:v}.16b, {u1:v}.16b",
            "sadalp {low:v}.4s, {a:v}.8h",
            "sadalp {high:v}.4s, {b:v}.8h",
            low = inout(vreg) low,
            high = inout(vreg) high,
            w0 = in(vreg) w[0],
            w1 = in(vreg) w[1],
            u0 = in(vreg) u[0],
            u1 = in(vreg) u[1],
            a = out(vreg) _,
            b = out(vreg) _,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    [low, high]
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

/// Activations less 128: each four of them for each of four outputs.
#[inline]
#[target_feature(enable = "neon")]
fn spread(u: uint8x8_t) -> [int8x16_t; 2] {
    let u = vreinterpret_s32_u8(veor_u8(u, vdup_n_u8(0x80)));
    [vreinterpretq_s8_s32(vdupq_lane_s32::<0>(u)), vreinterpretq_s8_s32(vdupq_lane_s32::<1>(u))]
}
