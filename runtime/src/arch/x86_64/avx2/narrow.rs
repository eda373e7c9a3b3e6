//! Convolution of inputs up to 127 with `vpmaddubsw`: u8 x i8 products, two summed in 16 bits without saturation.
//!
//! `vpmaddwd` with ones then sums pairs of those in 32 bits. Where the model says so (`PAIRS`), products of two
//! weight groups are summed in 16 bits first, which saves an instruction in six.
//!
//! A tile is four pixels by two registers of eight outputs; no sum waits for a multiplication, so that eight
//! sums are enough.

use super::super::requant256::{Block, Sums};
use super::super::scan::{Place, Scan};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::ConvJob;
use core::arch::x86_64::*;

/// Bytes of one weight group, `[16][4]`.
const GROUP: usize = BLOCK * CHANNEL_GROUP;
/// Pixels of a tile; divides the usual widths.
const PIXELS: usize = 4;

#[target_feature(enable = "avx2")]
pub(super) fn conv<const PAIRS: bool>(mut job: ConvJob<'_>) {
    let plan = job.plan();
    for block in 0..plan.filter.blocks() {
        let block = Block::new(plan, block);
        let mut scan = Scan::new(plan);
        while scan.left() > 0 {
            let (places, count) = scan.take();
            let sums = accumulate::<PAIRS>(&block, &places, &job);
            if block.is_full() {
                block.finish::<PIXELS, true>(&sums, &places, count, &mut job);
            } else {
                block.finish::<PIXELS, false>(&sums, &places, count, &mut job);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn accumulate<const PAIRS: bool>(
    block: &Block<'_>,
    places: &[Place; PIXELS],
    job: &ConvJob<'_>,
) -> [Sums; PIXELS] {
    let plan = job.plan();
    let mut sums = [block.bias; PIXELS];
    let mut weights = block.weights.as_ptr();
    let mut starts = places.map(|place| job.input().as_ptr().wrapping_add(place.input));
    for _ in 0..plan.rows {
        let mut at = 0;
        while PAIRS && at + 2 * CHANNEL_GROUP <= plan.run {
            // SAFETY: the plan has checked that a block holds `rows * run` weights for each output; the pixels lie
            // in the output, and plan and job have checked that every run of their windows lies in the input.
            unsafe { advance_pair(&mut sums, &starts, at, weights) };
            at += 2 * CHANNEL_GROUP;
            weights = weights.wrapping_add(2 * GROUP);
        }
        while at < plan.run {
            // SAFETY: as above.
            unsafe { advance(&mut sums, &starts, at, weights) };
            at += CHANNEL_GROUP;
            weights = weights.wrapping_add(GROUP);
        }
        starts = starts.map(|start| start.wrapping_add(plan.row_bytes));
    }
    sums
}

/// Adds a depth of four: the group at `weights`, and four bytes `at` after each start.
///
/// # Safety
/// All of these bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn advance(sums: &mut [Sums; PIXELS], starts: &[*const u8; PIXELS], at: usize, weights: *const u8) {
    let ones = _mm256_set1_epi16(1);
    // SAFETY: by contract.
    let w = unsafe { load_group(weights) };
    for (sums, start) in sums.iter_mut().zip(starts) {
        // SAFETY: by contract.
        let u = unsafe { broadcast(start.wrapping_add(at)) };
        for (sum, w) in sums.iter_mut().zip(w) {
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, w), ones));
        }
    }
}

/// Adds a depth of eight: two groups, and eight bytes `at` after each start.
///
/// # Safety
/// All of these bytes can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn advance_pair(
    sums: &mut [Sums; PIXELS],
    starts: &[*const u8; PIXELS],
    at: usize,
    weights: *const u8,
) {
    let ones = _mm256_set1_epi16(1);
    // SAFETY: by contract.
    let (v, w) = unsafe { (load_group(weights), load_group(weights.wrapping_add(GROUP))) };
    for (sums, start) in sums.iter_mut().zip(starts) {
        // SAFETY: by contract.
        let (t, u) =
            unsafe { (broadcast(start.wrapping_add(at)), broadcast(start.wrapping_add(at + CHANNEL_GROUP))) };
        for (half, sum) in sums.iter_mut().enumerate() {
            let pair = _mm256_add_epi16(_mm256_maddubs_epi16(t, v[half]), _mm256_maddubs_epi16(u, w[half]));
            *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pair, ones));
        }
    }
}

/// A weight group: the first and the last eight outputs.
///
/// # Safety
/// It can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn load_group(weights: *const u8) -> [__m256i; 2] {
    // SAFETY: by contract.
    unsafe { [_mm256_loadu_si256(weights.cast()), _mm256_loadu_si256(weights.add(GROUP / 2).cast())] }
}

/// Four bytes in all lanes.
///
/// # Safety
/// They can be read.
#[inline]
#[target_feature(enable = "avx2")]
unsafe fn broadcast(bytes: *const u8) -> __m256i {
    // SAFETY: by contract.
    _mm256_set1_epi32(unsafe { bytes.cast::<i32>().read_unaligned() })
}
