//! Convolution with `vpdpbusd`: four u8 x i8 products per 32-bit lane, added exactly.
//!
//! A weight group `[16][4]` is one register: lane `o` holds the four weights of output `o`. Four activations
//! of a pixel are broadcast to all lanes, so one instruction advances sixteen outputs by a depth of four. A
//! tile keeps the accumulators of several pixels (and two blocks of outputs, if there are) in registers,
//! which shares each weight load between the pixels and each broadcast between the blocks.
//!
//! Tiles lie within a row and do not overlap: a residual may lie in the place of the output.

use super::requant512::{Block, QUAD, Tail, finish};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::ConvJob;
use core::arch::x86_64::*;

/// Bytes of one weight group, `[16][4]`.
const GROUP: usize = BLOCK * CHANNEL_GROUP;

/// Steps of a window that overlaps its neighbours, as in a 3 x 3 convolution of stride 1.
const TAPS: usize = 3;
/// Pixels that share broadcasts.
const STRETCH: usize = 8;

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let blocks = plan.filter.blocks();
    for block in (0..blocks).step_by(2) {
        if block + 1 < blocks {
            rows([Block::new(plan, block), Block::new(plan, block + 1)], &mut job);
        } else {
            rows([Block::new(plan, block)], &mut job);
        }
    }
}

/// All output pixels of `B` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn rows<const B: usize>(blocks: [Block<'_>; B], job: &mut ConvJob<'_>) {
    let plan = job.plan();
    let (width, tail) = (plan.output.width, Tail::new(plan));
    for y in 0..plan.output.height {
        let mut x = 0;
        while x < width {
            x += match width - x {
                16.. if B == 1 => tile::<16, B>(&blocks, &tail, job, y, x),
                8.. => tile::<8, B>(&blocks, &tail, job, y, x),
                4.. => tile::<4, B>(&blocks, &tail, job, y, x),
                _ => tile::<1, B>(&blocks, &tail, job, y, x),
            };
        }
    }
}

/// `P` pixels of row `y` from `x` on; gives `P`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const P: usize, const B: usize>(
    blocks: &[Block<'_>; B],
    tail: &Tail,
    job: &mut ConvJob<'_>,
    y: usize,
    x: usize,
) -> usize {
    debug_assert!(y < job.plan().output.height && x + P <= job.plan().output.width);
    // Windows that are three steps wide share two of them with their neighbour.
    let acc = if P >= STRETCH && job.plan().run == TAPS * job.plan().step_x {
        accumulate_taps::<P, B>(blocks, job, y, x)
    } else {
        accumulate::<P, B>(blocks, job, y, x)
    };
    let stored = job.plan().output.stored;
    for (acc, block) in acc.iter().zip(blocks) {
        let (output, residual) = job.places(y, x, block.channel);
        for first in (0..P).step_by(QUAD) {
            let quad = core::array::from_fn(|i| acc[(first + i).min(P - 1)]);
            let at = first * stored;
            // SAFETY: the tile lies in the output; plan and job have checked the sizes of the tensors.
            unsafe {
                finish::<P, true, _>(quad, block, tail, output.wrapping_add(at), residual.wrapping_add(at));
            }
        }
    }
    P
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn accumulate<const P: usize, const B: usize>(
    blocks: &[Block<'_>; B],
    job: &ConvJob<'_>,
    y: usize,
    x: usize,
) -> [[__m512i; P]; B] {
    let plan = job.plan();
    let mut acc: [[__m512i; P]; B] = core::array::from_fn(|b| [blocks[b].bias; P]);
    let mut weights: [*const u8; B] = core::array::from_fn(|b| blocks[b].weights.as_ptr());
    let step = plan.step_x;
    for row in 0..plan.rows {
        let start = plan.window(y, x) + row * plan.row_bytes;
        let quads: [*const u8; 4] =
            core::array::from_fn(|q| job.input().as_ptr().wrapping_add(start + q * QUAD * step));
        for at in (0..plan.run).step_by(CHANNEL_GROUP) {
            let w: [__m512i; B] = core::array::from_fn(|b| {
                // SAFETY: the plan has checked that a block holds `rows * run` weights for each output.
                unsafe { _mm512_loadu_si512(weights[b].cast()) }
            });
            for p in 0..P {
                let u = quads[p / QUAD].wrapping_add(p % QUAD * step + at).cast::<i32>();
                // SAFETY: the pixel lies in the output; plan and job have checked that every run of its window
                // lies in the input.
                let u = _mm512_set1_epi32(unsafe { u.read_unaligned() });
                for b in 0..B {
                    acc[b][p] = _mm512_dpbusd_epi32(acc[b][p], u, w[b]);
                }
            }
            weights = weights.map(|w| w.wrapping_add(GROUP));
        }
    }
    acc
}

/// As [`accumulate`], for windows of [`TAPS`] steps: each broadcast serves all pixels whose windows hold it.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn accumulate_taps<const P: usize, const B: usize>(
    blocks: &[Block<'_>; B],
    job: &ConvJob<'_>,
    y: usize,
    x: usize,
) -> [[__m512i; P]; B] {
    let plan = job.plan();
    let mut acc: [[__m512i; P]; B] = core::array::from_fn(|b| [blocks[b].bias; P]);
    let step = plan.step_x;
    let tap = step / CHANNEL_GROUP * GROUP;
    for row in 0..plan.rows {
        let start = job.input().as_ptr().wrapping_add(plan.window(y, x) + row * plan.row_bytes);
        for group in 0..step / CHANNEL_GROUP {
            let at = row * TAPS * tap + group * GROUP;
            let w: [[__m512i; B]; TAPS] = core::array::from_fn(|t| {
                core::array::from_fn(|b| {
                    let weights = blocks[b].weights.as_ptr().wrapping_add(at + t * tap);
                    // SAFETY: the plan has checked that a block holds `rows * run` weights for each output.
                    unsafe { _mm512_loadu_si512(weights.cast()) }
                })
            });
            // Eight pixels at a time: a loop this short is unrolled, and accumulators stay in registers.
            for first in (0..P).step_by(STRETCH) {
                for q in 0..STRETCH + TAPS - 1 {
                    let u = start.wrapping_add((first + q) * step + group * CHANNEL_GROUP).cast::<i32>();
                    // SAFETY: the last pixel's window ends with the last of these; plan and job have checked that it
                    // lies in the input.
                    let u = _mm512_set1_epi32(unsafe { u.read_unaligned() });
                    for (t, w) in w.iter().enumerate() {
                        if (t..t + STRETCH).contains(&q) {
                            for b in 0..B {
                                let acc = &mut acc[b][first + q - t];
                                *acc = _mm512_dpbusd_epi32(*acc, u, w[b]);
                            }
                        }
                    }
                }
            }
        }
    }
    acc
}
