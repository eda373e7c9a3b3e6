//! Convolution with `vpmaddwd`: both operands widened to i16, so that nothing saturates (`vpmaddubsw` would).
//!
//! The input under a stretch of an output row is widened once into a buffer on the stack. A tile then keeps
//! the sums of four pixels and eight outputs in registers: four activations of a pixel (eight bytes by now) are
//! broadcast, sixteen weights are four outputs by four of depth, and one `vpmaddwd` gives two partial sums for
//! each of the four outputs. The other eight outputs of the block follow, and are requantised with them.

use super::super::requant256::{Block, Sums};
use super::super::scan::Place;
use crate::format::layout::{BLOCK, CHANNEL_GROUP, MAX_DEPTH};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

/// Bytes of one weight group, `[16][4]`.
const GROUP: usize = BLOCK * CHANNEL_GROUP;
/// Pixels of a tile.
const QUAD: usize = 4;

/// The widened input under a stretch of an output row: `rows` segments, one after the other. Even the deepest
/// kernel fits for one pixel.
type Wide = [MaybeUninit<i16>; MAX_DEPTH];

#[target_feature(enable = "avx2")]
pub(super) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let mut wide: Wide = [MaybeUninit::uninit(); MAX_DEPTH];
    let width = plan.output.width;
    let limit = stretch_limit(plan);
    for y in 0..plan.output.height {
        for x in (0..width).step_by(limit) {
            let stretch = Stretch::widen(&job, &mut wide, y, x, limit.min(width - x));
            for block in 0..plan.filter.blocks() {
                stretch.convolve(&Block::new(plan, block), &mut job);
            }
        }
    }
}

/// How many pixels of a row the buffer has room for.
fn stretch_limit(plan: &ConvPlan<'_>) -> usize {
    1 + (MAX_DEPTH / plan.rows).saturating_sub(plan.run) / plan.step_x
}

/// A stretch of output pixels with the input under it, widened.
struct Stretch<'a> {
    wide: &'a [MaybeUninit<i16>],
    /// Values per segment.
    segment: usize,
    y: usize,
    x: usize,
    width: usize,
}

impl<'a> Stretch<'a> {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn widen(job: &ConvJob<'_>, wide: &'a mut Wide, y: usize, x: usize, width: usize) -> Self {
        let plan = job.plan();
        let segment = (width - 1) * plan.step_x + plan.run;
        let (wide, _) = wide.split_at_mut(plan.rows * segment);
        for (row, wide) in wide.chunks_exact_mut(segment).enumerate() {
            let bytes = &job.input()[plan.window(y, x) + row * plan.row_bytes..][..segment];
            for (wide, &byte) in wide.iter_mut().zip(bytes) {
                wide.write(byte.into());
            }
        }
        Self { wide, segment, y, x, width }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn convolve(&self, block: &Block<'_>, job: &mut ConvJob<'_>) {
        for x in (0..self.width).step_by(QUAD) {
            let count = QUAD.min(self.width - x);
            if count > 2 {
                self.tile::<QUAD>(block, job, x, count);
            } else {
                self.tile::<2>(block, job, x, count);
            }
        }
    }

    /// `count <= P` pixels from `x` of the stretch on.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn tile<const P: usize>(&self, block: &Block<'_>, job: &mut ConvJob<'_>, x: usize, count: usize) {
        let plan = job.plan();
        // What is missing in the last tile repeats its last pixel.
        let columns = core::array::from_fn(|i| x + i.min(count - 1));
        let places = columns.map(|x| Place::new(plan, self.y, self.x + x));
        let low = self.accumulate::<P>(block.weights, plan, &columns);
        let high = if block.is_half() {
            [_mm256_setzero_si256(); P]
        } else {
            self.accumulate::<P>(&block.weights[GROUP / 2..], plan, &columns)
        };
        let mut sums = [block.bias; P];
        for (sums, (low, high)) in sums.iter_mut().zip(low.into_iter().zip(high)) {
            *sums = [_mm256_add_epi32(sums[0], low), _mm256_add_epi32(sums[1], high)];
        }
        if block.is_full() {
            block.finish::<P, true>(&sums, &places, count, job);
        } else {
            block.finish::<P, false>(&sums, &places, count, job);
        }
    }

    /// The sums of eight outputs, whose weights begin each group of `weights`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn accumulate<const P: usize>(
        &self,
        weights: &[u8],
        plan: &ConvPlan<'_>,
        columns: &[usize; P],
    ) -> [__m256i; P] {
        let mut acc: [Sums; P] = [[_mm256_setzero_si256(); 2]; P];
        let mut weights = weights.as_ptr();
        let mut starts = columns.map(|x| self.wide.as_ptr().wrapping_add(x * plan.step_x).cast::<i16>());
        for _ in 0..plan.rows {
            for at in (0..plan.run).step_by(CHANNEL_GROUP) {
                // SAFETY: the plan has checked that a block holds `rows * run` weights for each output; 32 bytes
                // of each group belong to these eight.
                let (low, high) =
                    unsafe { (_mm_loadu_si128(weights.cast()), _mm_loadu_si128(weights.add(BLOCK).cast())) };
                let w = [_mm256_cvtepi8_epi16(low), _mm256_cvtepi8_epi16(high)];
                for (acc, start) in acc.iter_mut().zip(starts) {
                    let u = start.wrapping_add(at).cast::<i64>();
                    // SAFETY: `widen` wrote the segments, which hold the runs of all pixels of the stretch.
                    let u = _mm256_set1_epi64x(unsafe { u.read_unaligned() });
                    for (acc, w) in acc.iter_mut().zip(w) {
                        *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(u, w));
                    }
                }
                weights = weights.wrapping_add(GROUP);
            }
            starts = starts.map(|start| start.wrapping_add(self.segment));
        }
        // Sums of neighbours leave outputs 0, 1, 4, 5 in the low lane.
        acc.map(|[low, high]| _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_hadd_epi32(low, high)))
    }
}
