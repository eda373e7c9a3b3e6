//! Convolution with `sdot`: four i8 x i8 products per 32-bit lane, added exactly.
//!
//! A register of weights holds four depths of four outputs. The four activations they meet are one 32-bit
//! element of a register with sixteen activations of a pixel, so one load serves four groups of depth. `sdot`
//! takes signed operands only: activations are moved by 128, which is the flip of their highest bit, and the
//! biases make up for it.
//!
//! A tile keeps sixteen outputs of up to four pixels in registers. Tiles lie within a row and do not
//! overlap: a residual may lie in the place of the output.

use super::outputs::{GROUP, Outputs, Sums, load_weights};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::ConvJob;
use core::arch::{aarch64::*, asm};

/// Depths of a register of activations.
const WIDE: usize = 4 * CHANNEL_GROUP;

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "neon,dotprod")]
pub(super) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let width = plan.output.width;
    for block in 0..plan.filter.blocks() {
        let outputs = Outputs::signed(plan, block);
        for y in 0..plan.output.height {
            let mut x = 0;
            while x < width {
                x += if width - x >= 4 {
                    tile::<4>(&outputs, &mut job, y, x)
                } else {
                    tile::<1>(&outputs, &mut job, y, x)
                };
            }
        }
    }
}

/// `P` pixels of row `y` from `x` on; gives `P`.
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn tile<const P: usize>(outputs: &Outputs<'_>, job: &mut ConvJob<'_>, y: usize, x: usize) -> usize {
    let acc = accumulate::<P>(outputs, job, y, x);
    outputs.finish(acc, job, y, x);
    P
}

#[inline]
#[target_feature(enable = "neon,dotprod")]
fn accumulate<const P: usize>(outputs: &Outputs<'_>, job: &ConvJob<'_>, y: usize, x: usize) -> [Sums; P] {
    let plan = job.plan();
    debug_assert!(y < plan.output.height && x + P <= plan.output.width);
    let mut acc = [outputs.bias; P];
    let mut weights = outputs.weights.as_ptr();
    for row in 0..plan.rows {
        let start = job.input().as_ptr().wrapping_add(plan.window(y, x) + row * plan.row_bytes);
        let pixels: [*const u8; P] = core::array::from_fn(|p| start.wrapping_add(p * plan.step_x));
        let wide = plan.run - plan.run % WIDE;
        // SAFETY: the pixels lie in the output; plan and job have checked that every run of their windows lies
        // in the input, and the plan that a block holds `rows * run` weights for each output.
        unsafe {
            for at in (0..wide).step_by(WIDE) {
                let mut u = [vdupq_n_s8(0); P];
                for (u, pixel) in u.iter_mut().zip(pixels) {
                    *u = signed(vld1q_u8(pixel.add(at)));
                }
                advance::<0, P>(&mut acc, u, weights);
                advance::<1, P>(&mut acc, u, weights.add(GROUP));
                advance::<2, P>(&mut acc, u, weights.add(2 * GROUP));
                advance::<3, P>(&mut acc, u, weights.add(3 * GROUP));
                weights = weights.add(4 * GROUP);
            }
            for at in (wide..plan.run).step_by(CHANNEL_GROUP) {
                let mut u = [vdupq_n_s8(0); P];
                for (u, pixel) in u.iter_mut().zip(pixels) {
                    let four = pixel.add(at).cast::<u32>().read_unaligned();
                    *u = signed(vreinterpretq_u8_u32(vdupq_n_u32(four)));
                }
                advance::<0, P>(&mut acc, u, weights);
                weights = weights.add(GROUP);
            }
        }
    }
    acc
}

/// Adds the products of a weight group with element `I` of the activations.
///
/// # Safety
/// 64 bytes of weights can be read.
#[inline]
#[target_feature(enable = "neon,dotprod")]
unsafe fn advance<const I: usize, const P: usize>(
    acc: &mut [Sums; P],
    u: [int8x16_t; P],
    weights: *const u8,
) {
    // SAFETY: the caller's promise.
    let w = unsafe { load_weights(weights) };
    for (q, w) in w.into_iter().enumerate() {
        for (acc, u) in acc.iter_mut().zip(u) {
            acc[q] = sdot::<I>(acc[q], w, u);
        }
    }
}

/// Activations less 128.
#[inline]
#[target_feature(enable = "neon")]
fn signed(u: uint8x16_t) -> int8x16_t {
    vreinterpretq_s8_u8(veorq_u8(u, vdupq_n_u8(0x80)))
}

/// Adds to each lane the four products of its weights with element `I` of the activations. (The intrinsic is
/// not stable yet.)
#[inline]
#[target_feature(enable = "neon,dotprod")]
fn sdot<const I: usize>(mut acc: int32x4_t, w: int8x16_t, u: int8x16_t) -> int32x4_t {
    // SAFETY: works on registers alone.
    unsafe {
        asm!(
            "sdot {acc:v}.4s, {w:v}.16b, {u:v}.4b[{i}]",
            acc = inout(vreg) acc,
            w = in(vreg) w,
            u = in(vreg) u,
            i = const I,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}
