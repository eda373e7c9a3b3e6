//! Requantisation of a group's sums, a few pixels at a time, while the next group is multiplied.

use super::super::requant512::{Block, Pair, QUAD, Tail, finish};
use super::cut::Cut;
use super::tiles::ROW;
use crate::format::layout::BLOCK;
use crate::ops::{ConvJob, ConvPlan};
use core::arch::x86_64::*;

/// What is left of the group before: pixels of `B` blocks, row after row of the output.
pub(super) struct Finisher<'p, const B: usize, const R: bool> {
    plan: &'p ConvPlan<'p>,
    tail: Tail,
    /// Constants of the one or two blocks.
    single: Block<'p>,
    pair: Pair,
    gaps: Gaps,
    /// The next pixel.
    at: Pixel,
    /// Quads left of the row, and of a whole row.
    row: usize,
    width: usize,
    /// Quads left of the group.
    group: usize,
}

/// Where a pixel lies.
#[derive(Clone, Copy)]
struct Pixel {
    sums: *const u8,
    output: *mut u8,
    residual: *const u8,
}

/// Bytes from one row's last pixel to the next row's first, and between the sums of two blocks.
struct Gaps {
    sums: usize,
    output: usize,
    residual: usize,
    second: usize,
}

impl<'p, const B: usize, const R: bool> Finisher<'p, B, R> {
    /// Pixels that are requantised together.
    pub const PIXELS: usize = QUAD / B;

    /// With nothing to do.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn new(cut: &Cut, second: usize, block: usize, job: &mut ConvJob<'p>) -> Self {
        let plan = job.plan();
        let output = &plan.output;
        let gap = |border: usize| 2 * border * output.stored;
        let apart = plan.residual.filter(|residual| !residual.in_place);
        let gaps = Gaps {
            sums: cut.sums_gap * ROW,
            output: gap(output.border),
            residual: gap(apart.map_or(output.border, |residual| residual.tensor.border)),
            second,
        };
        let (first, residual) = job.places(0, 0, block * BLOCK);
        let at = Pixel { sums: core::ptr::null(), output: first, residual };
        let (single, pair) = Self::constants(plan, block);
        let width = output.width / Self::PIXELS;
        Self { plan, tail: Tail::new(plan), single, pair, gaps, at, row: width, width, group: 0 }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn constants(plan: &ConvPlan<'p>, block: usize) -> (Block<'p>, Pair) {
        let single = Block::new(plan, block);
        let second = if B == 2 { Block::new(plan, block + 1) } else { single };
        (single, Pair::new([&single, &second]))
    }

    /// Starts the next group; nothing is left of the one before. It has so many pixels in the output; their sums, of
    /// the first block, start at `sums`.
    #[inline(always)]
    pub fn begin(&mut self, pixels: usize, sums: *const u8) {
        self.at.sums = sums;
        self.group = pixels / Self::PIXELS;
    }

    /// Goes on with another block; nothing is left of the one before.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn enter(&mut self, block: usize, job: &mut ConvJob<'p>) {
        (self.single, self.pair) = Self::constants(self.plan, block);
        let (output, residual) = job.places(0, 0, block * BLOCK);
        (self.at.output, self.at.residual, self.row) = (output, residual, self.width);
    }

    /// Requantises up to so many quads.
    ///
    /// # Safety
    /// The sums of the group have been stored, and its pixels lie in the tensors of the job.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub unsafe fn advance(&mut self, quads: usize) {
        let mut left = quads.min(self.group);
        self.group -= left;
        while left > 0 {
            let count = left.min(self.row);
            // SAFETY: by the contract of this function.
            unsafe { self.run(count) };
            self.row -= count;
            left -= count;
            if self.row == 0 {
                self.at = self.at.step(self.gaps.sums, self.gaps.output, self.gaps.residual);
                self.row = self.width;
            }
        }
    }

    /// Requantises so many quads of a row.
    ///
    /// # Safety
    /// As [`advance`](Self::advance).
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn run(&mut self, quads: usize) {
        let pixels = Self::PIXELS * self.tail.stored;
        let Pixel { mut sums, output, residual } = self.at;
        let end = quads * pixels;
        let mut at = 0;
        while at < end {
            // SAFETY: by the contract of this function.
            unsafe { self.finish(sums, output.wrapping_add(at), residual.wrapping_add(at)) };
            sums = sums.wrapping_add(Self::PIXELS * ROW);
            at += pixels;
        }
        self.at = Pixel { sums, output, residual }.step(0, end, end);
    }

    /// Requantises the next quad.
    ///
    /// # Safety
    /// As [`advance`](Self::advance).
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn finish(&self, sums: *const u8, output: *mut u8, residual: *const u8) {
        // SAFETY: by the contract of this function; each pixel has an aligned row of sums for each block.
        unsafe {
            let load = |block: usize, pixel: usize| {
                _mm512_load_si512(sums.wrapping_add(block * self.gaps.second + pixel * ROW).cast())
            };
            if B == 2 {
                let sums = [load(0, 0), load(1, 0), load(0, 1), load(1, 1)];
                self.pair.finish::<R>(sums, &self.tail, output, residual);
            } else {
                let sums = core::array::from_fn(|i| _mm512_add_epi32(self.single.bias, load(0, i)));
                finish::<QUAD, R, _>(sums, &self.single, &self.tail, output, residual);
            }
        }
    }
}

impl Pixel {
    #[inline(always)]
    fn step(self, sums: usize, output: usize, residual: usize) -> Self {
        Self {
            sums: self.sums.wrapping_add(sums),
            output: self.output.wrapping_add(output),
            residual: self.residual.wrapping_add(residual),
        }
    }
}
