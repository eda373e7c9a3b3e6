//! Convolution with `usmmla`: eight u8 x i8 products per 32-bit lane, added exactly.
//!
//! One instruction multiplies two pixels by two outputs over a depth of eight. A register of activations holds
//! eight depths of two pixels; lanes of an accumulator are (pixel, output): (0, 0), (0, 1), (1, 0), (1, 1). The
//! weights of a block are zipped once into a buffer on the stack, from registers with four depths of four
//! outputs to registers with eight depths of two.
//!
//! A tile keeps sixteen outputs of up to four pixels in registers. Tiles lie within a row and do not
//! overlap: a residual may lie in the place of the output.

use super::dotprod;
use super::outputs::{GROUP, Outputs, Sums, load_weights};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::{aarch64::*, asm};
use core::mem::MaybeUninit;

/// Depths of a register of activations of one pixel.
const WIDE: usize = 4 * CHANNEL_GROUP;

/// Sixteen outputs of two pixels.
type Pair = [int32x4_t; 8];

/// Weights of eight depths, two outputs per register.
type Step = [int8x16_t; 8];

/// The zipped weights of a block: 64 KiB, a depth of 4096.
type Zipped = [MaybeUninit<Step>; 512];

/// See [`ops::conv`](crate::ops::conv). Needs 64 KiB of stack; deeper kernels than fit there are left to
/// [`dotprod`].
#[target_feature(enable = "neon,dotprod,i8mm")]
pub(super) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let mut zipped: Zipped = [MaybeUninit::uninit(); 512];
    let steps = plan.rows * (plan.run / WIDE * 2 + plan.run % WIDE / CHANNEL_GROUP);
    let Some(zipped) = zipped.get_mut(..steps) else {
        return dotprod::conv(job);
    };
    let width = plan.output.width;
    for block in 0..plan.filter.blocks() {
        let outputs = Outputs::new(plan, block);
        let weights = zip(plan, outputs.weights, zipped);
        for y in 0..plan.output.height {
            let mut x = 0;
            while x < width {
                x += match width - x {
                    4.. => tile::<4, 2>(&outputs, weights, &mut job, y, x),
                    2.. => tile::<2, 1>(&outputs, weights, &mut job, y, x),
                    _ => tile::<1, 1>(&outputs, weights, &mut job, y, x),
                };
            }
        }
    }
}

/// Zips the weights of a block: for each run of a window the groups in pairs, and those of its last depths,
/// fewer than sixteen, with themselves: their copies meet zeros.
#[target_feature(enable = "neon")]
fn zip<'z>(plan: &ConvPlan<'_>, weights: &[u8], zipped: &'z mut [MaybeUninit<Step>]) -> &'z [Step] {
    let mut steps = zipped.iter_mut();
    for run in weights.chunks_exact(plan.run * BLOCK) {
        let (wide, rest) = run.split_at(plan.run / WIDE * WIDE * BLOCK);
        let pairs = wide.chunks_exact(2 * GROUP).map(|pair| pair.split_at(GROUP));
        let single = rest.chunks_exact(GROUP).map(|group| (group, group));
        for ((low, high), step) in pairs.chain(single).zip(&mut steps) {
            // SAFETY: a group has the 64 bytes.
            let (low, high) = unsafe { (load_weights(low.as_ptr()), load_weights(high.as_ptr())) };
            let mut pairs = [vdupq_n_s8(0); 8];
            for q in 0..4 {
                let (low, high) = (vreinterpretq_s32_s8(low[q]), vreinterpretq_s32_s8(high[q]));
                pairs[2 * q] = vreinterpretq_s8_s32(vzip1q_s32(low, high));
                pairs[2 * q + 1] = vreinterpretq_s8_s32(vzip2q_s32(low, high));
            }
            step.write(pairs);
        }
    }
    debug_assert_eq!(steps.len(), 0);
    // SAFETY: the plan has checked that a block holds `rows * run` weights for each output, so there is one
    // step for each of the elements.
    unsafe { zipped.assume_init_ref() }
}

/// `P` pixels of row `y` from `x` on, in `N` pairs; gives `P`.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn tile<const P: usize, const N: usize>(
    outputs: &Outputs<'_>,
    weights: &[Step],
    job: &mut ConvJob<'_>,
    y: usize,
    x: usize,
) -> usize {
    let acc = accumulate::<P, N>(outputs.bias, weights, job, y, x);
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
    bias: Sums,
    weights: &[Step],
    job: &ConvJob<'_>,
    y: usize,
    x: usize,
) -> [Pair; N] {
    let plan = job.plan();
    debug_assert!(y < plan.output.height && x + P <= plan.output.width);
    let mut acc = [both(bias); N];
    let mut steps = weights.as_ptr();
    for row in 0..plan.rows {
        let start = job.input().as_ptr().wrapping_add(plan.window(y, x) + row * plan.row_bytes);
        let mut pairs = [[start; 2]; N];
        for (n, [a, b]) in pairs.iter_mut().enumerate() {
            *a = start.wrapping_add(2 * n * plan.step_x);
            *b = start.wrapping_add((2 * n + 1).min(P - 1) * plan.step_x);
        }
        let wide = plan.run - plan.run % WIDE;
        // SAFETY: the pixels lie in the output; plan and job have checked that every run of their windows lies
        // in the input; there is a step of weights for each turn.
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
                advance(&mut acc, low, &*steps);
                advance(&mut acc, high, &*steps.add(1));
                steps = steps.add(2);
            }
            for at in (wide..plan.run).step_by(CHANNEL_GROUP) {
                let mut u = [vdupq_n_u8(0); N];
                for (u, [a, b]) in u.iter_mut().zip(pairs) {
                    let a = vdup_n_u64(a.add(at).cast::<u32>().read_unaligned().into());
                    let b = vdup_n_u64(b.add(at).cast::<u32>().read_unaligned().into());
                    *u = vreinterpretq_u8_u64(vcombine_u64(a, b));
                }
                advance(&mut acc, u, &*steps);
                steps = steps.add(1);
            }
        }
    }
    acc
}

/// Adds the products of a step's weights with eight depths of the pixels.
#[inline]
#[target_feature(enable = "neon,i8mm")]
fn advance<const N: usize>(acc: &mut [Pair; N], u: [uint8x16_t; N], step: &Step) {
    for (i, w) in step.iter().enumerate() {
        for (acc, u) in acc.iter_mut().zip(u) {
            acc[i] = usmmla(acc[i], u, *w);
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
