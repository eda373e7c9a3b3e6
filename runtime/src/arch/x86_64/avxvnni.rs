//! Convolution with the 256-bit `vpdpbusd` of CPUs without AVX-512: four u8 x i8 products per 32-bit lane, added
//! exactly.
//!
//! A weight group `[16][4]` is two registers, eight outputs each; four activations of a pixel are broadcast to
//! all lanes. A tile of six pixels by two halves keeps twelve sums in registers: more than the ten that hide
//! the latency of two multipliers, and all that sixteen registers have room for.

use super::requant256::{Block, Sums};
use super::scan::{Place, Scan};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::ConvJob;
use core::arch::x86_64::*;

/// Bytes of one weight group, `[16][4]`.
const GROUP: usize = BLOCK * CHANNEL_GROUP;

/// Depth that the inner loop advances by at a time, in groups; loop counters take ports from the multipliers.
const UNROLL: usize = 4;

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "avx2,avxvnni")]
pub(super) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    for block in 0..plan.filter.blocks() {
        let block = Block::new(plan, block);
        let mut scan = Scan::new(plan);
        while scan.left() > 0 {
            tile::<6>(&block, &mut scan, &mut job);
        }
    }
}

/// Pixels of one block.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn tile<const P: usize>(block: &Block<'_>, scan: &mut Scan, job: &mut ConvJob<'_>) {
    let (places, count) = scan.take::<P>();
    let sums = accumulate(block, &places, job);
    if block.is_full() {
        block.finish::<P, true>(&sums, &places, count, job);
    } else {
        block.finish::<P, false>(&sums, &places, count, job);
    }
}

#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn accumulate<const P: usize>(block: &Block<'_>, places: &[Place; P], job: &ConvJob<'_>) -> [Sums; P] {
    let plan = job.plan();
    let mut sums = [block.bias; P];
    let mut weights = block.weights.as_ptr();
    let mut starts = places.map(|place| job.input().as_ptr().wrapping_add(place.input));
    for _ in 0..plan.rows {
        let mut at = 0;
        while at + UNROLL * CHANNEL_GROUP <= plan.run {
            for i in 0..UNROLL {
                advance(&mut sums, &starts, at + i * CHANNEL_GROUP, weights.wrapping_add(i * GROUP));
            }
            at += UNROLL * CHANNEL_GROUP;
            weights = weights.wrapping_add(UNROLL * GROUP);
        }
        while at < plan.run {
            advance(&mut sums, &starts, at, weights);
            at += CHANNEL_GROUP;
            weights = weights.wrapping_add(GROUP);
        }
        starts = starts.map(|start| start.wrapping_add(plan.row_bytes));
    }
    sums
}

/// Adds a depth of four.
#[inline]
#[target_feature(enable = "avx2,avxvnni")]
fn advance<const P: usize>(sums: &mut [Sums; P], starts: &[*const u8; P], at: usize, weights: *const u8) {
    // SAFETY: the plan has checked that a block holds `rows * run` weights for each output.
    let w =
        unsafe { [_mm256_loadu_si256(weights.cast()), _mm256_loadu_si256(weights.add(GROUP / 2).cast())] };
    for (sums, start) in sums.iter_mut().zip(starts) {
        let u = start.wrapping_add(at).cast::<i32>();
        // SAFETY: the pixel lies in the output; plan and job have checked that every run of its window
        // lies in the input.
        let u = _mm256_set1_epi32(unsafe { u.read_unaligned() });
        *sums = [_mm256_dpbusd_avx_epi32(sums[0], u, w[0]), _mm256_dpbusd_avx_epi32(sums[1], u, w[1])];
    }
}
