//! A convolution of three kernel rows, each no deeper than a tile: four rows of the output at a time, sixteen pixels of each.
//!
//! The six rows of the input that they span are loaded once, and meet up to three rows of weights, which stay in their
//! tiles: half as many loads as products. Requantisation of the group before is spread evenly between the products.

use super::super::requant512::{Block, QUAD, Tail, finish};
use super::product::{Sums, TILE};
use super::tiles::{ROW, ROWS, Shape, Tiles, dot, load, store, zero};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::x86_64::*;
use core::ops::Range;

/// Rows of the output that are summed together.
const HEIGHT: usize = 4;

/// Rows of the kernel.
const KERNEL: usize = 3;

/// Whether a convolution can be cut into such groups.
pub(super) fn fits(plan: &ConvPlan<'_>) -> bool {
    plan.rows == KERNEL
        && plan.step_y == plan.row_bytes
        && plan.run <= ROW
        && plan.output.width.is_multiple_of(ROWS)
        && plan.output.height.is_multiple_of(HEIGHT)
}

/// Convolves a range of blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn run(blocks: Range<usize>, job: &mut ConvJob<'_>, tiles: &mut Tiles) {
    // SAFETY: this backend is used only where tiles are permitted; a run is no longer than a row of a tile.
    unsafe { tiles.prepare(shape(job.plan().run)) };
    for block in blocks {
        if job.plan().residual.is_some() {
            convolve::<true>(block, job);
        } else {
            convolve::<false>(block, job);
        }
    }
}

/// Four tiles of sums, one of pixels, three of weights.
fn shape(run: usize) -> Shape {
    let (full, rows, depth) = (ROW as u8, ROWS as u8, run as u8);
    let groups = depth / CHANNEL_GROUP as u8;
    Shape {
        rows: [rows, rows, rows, rows, rows, groups, groups, groups],
        bytes: [full, full, full, full, depth, full, full, full],
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn convolve<const R: bool>(block: usize, job: &mut ConvJob<'_>) {
    let plan = job.plan();
    let mut sums = Sums::new();
    let sums = sums.as_mut_ptr();
    let mut finisher = Finisher::<R>::new(sums, block, job);
    let input = job.input()[plan.window(0, 0)..].as_ptr();
    let pixels = Pixels { first: input, step: plan.step_x, row: plan.row_bytes };
    // SAFETY: tiles are set up. The plan has checked that the windows of all pixels lie in the input and that a block holds
    // three runs of weights for each output. The finisher follows one group behind.
    unsafe {
        load_weights(plan.filter.block_weights(block).as_ptr(), plan.run * BLOCK);
        let mut pixels = pixels;
        pixels.sum(sums, |_| {});
        for y in (0..plan.output.height).step_by(HEIGHT) {
            for x in (0..plan.output.width).step_by(ROWS) {
                if (y, x) == (0, 0) {
                    continue;
                }
                pixels.first = input.wrapping_add(y * plan.step_y + x * plan.step_x);
                pixels.sum(sums, |dot| finisher.after(dot));
                finisher.next();
            }
        }
        store_sums(sums);
        (0..DOTS).for_each(|dot| finisher.after(dot));
    }
}

/// Loads the three tiles of weights.
///
/// # Safety
/// Tiles are set up; three tiles can be read, so many bytes apart.
#[inline(always)]
unsafe fn load_weights(weights: *const u8, bytes: usize) {
    // SAFETY: by the contract of this function.
    unsafe {
        load!("tmm5", weights, ROW);
        load!("tmm6", weights.wrapping_add(bytes), ROW);
        load!("tmm7", weights.wrapping_add(2 * bytes), ROW);
    }
}

/// Stores all sums, row after row of the output.
///
/// # Safety
/// Tiles are set up; there is room for four of them.
#[inline(always)]
unsafe fn store_sums(sums: *mut u8) {
    // SAFETY: by the contract of this function.
    unsafe {
        store!("tmm0", sums, ROW);
        store!("tmm1", sums.wrapping_add(TILE), ROW);
        store!("tmm2", sums.wrapping_add(2 * TILE), ROW);
        store!("tmm3", sums.wrapping_add(3 * TILE), ROW);
    }
}

/// Products of a group.
const DOTS: usize = HEIGHT * KERNEL;

/// The order in which the rows of a group are stored, and so requantised.
const ORDER: [usize; HEIGHT] = [0, 3, 2, 1];

/// The windows of the pixels of a group.
#[derive(Clone, Copy)]
struct Pixels {
    /// First window of the first row.
    first: *const u8,
    /// Bytes from one window to the next, and from row to row of the input.
    step: usize,
    row: usize,
}

impl Pixels {
    /// Stores the sums of the group before and sums this one; `after` is called after each product.
    ///
    /// A product takes as long as three others need to start: no sum is in two of any four.
    ///
    /// # Safety
    /// Tiles are set up and weights loaded; the windows can be read, and there is room for four tiles of sums.
    #[inline(always)]
    unsafe fn sum(&self, sums: *mut u8, mut after: impl FnMut(usize)) {
        let row = |i: usize| self.first.wrapping_add(i * self.row);
        let sums = |i: usize| sums.wrapping_add(i * TILE);
        macro_rules! first {
            ($sum:tt, $at:literal) => {
                store!($sum, sums($at), ROW);
                zero!($sum);
            };
        }
        macro_rules! product {
            ($i:literal, $sum:tt, $weights:tt) => {
                dot!($sum, "tmm4", $weights);
                after($i);
            };
        }
        // SAFETY: by the contract of this function.
        unsafe {
            load!("tmm4", row(0), self.step);
            first!("tmm0", 0);
            product!(0, "tmm0", "tmm5");
            load!("tmm4", row(5), self.step);
            first!("tmm3", 3);
            product!(1, "tmm3", "tmm7");
            load!("tmm4", row(2), self.step);
            first!("tmm2", 2);
            product!(2, "tmm2", "tmm5");
            first!("tmm1", 1);
            product!(3, "tmm1", "tmm6");
            product!(4, "tmm0", "tmm7");
            load!("tmm4", row(4), self.step);
            product!(5, "tmm3", "tmm6");
            product!(6, "tmm2", "tmm7");
            load!("tmm4", row(1), self.step);
            product!(7, "tmm1", "tmm5");
            product!(8, "tmm0", "tmm6");
            load!("tmm4", row(3), self.step);
            product!(9, "tmm3", "tmm5");
            product!(10, "tmm2", "tmm6");
            product!(11, "tmm1", "tmm7");
        }
    }
}

/// Requantises the group before.
struct Finisher<'p, const R: bool> {
    block: Block<'p>,
    tail: Tail,
    sums: *const u8,
    /// First pixel of the group.
    output: *mut u8,
    residual: *const u8,
    /// Bytes from row to row.
    output_row: usize,
    residual_row: usize,
    /// Groups left beside each other, and of all rows.
    left: usize,
    width: usize,
}

impl<'p, const R: bool> Finisher<'p, R> {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn new(sums: *const u8, block: usize, job: &mut ConvJob<'p>) -> Self {
        let plan = job.plan();
        let (output, residual) = job.places(0, 0, block * BLOCK);
        let apart = plan.residual.filter(|residual| !residual.in_place);
        let width = plan.output.width / ROWS;
        Self {
            block: Block::new(plan, block),
            tail: Tail::new(plan),
            sums,
            output,
            residual,
            output_row: plan.output.row_bytes(),
            residual_row: apart.map_or(plan.output, |residual| residual.tensor).row_bytes(),
            left: width,
            width,
        }
    }

    /// Requantises what falls to a product: of three, four quads of pixels.
    ///
    /// # Safety
    /// The sums have been stored up to the row of this product; the group lies in the tensors of the job.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn after(&self, dot: usize) {
        let row = ORDER[dot / KERNEL];
        // SAFETY: by the contract of this function.
        unsafe {
            self.quad(row, dot % KERNEL);
            if dot % KERNEL == KERNEL - 1 {
                self.quad(row, KERNEL);
            }
        }
    }

    /// Requantises a quad of pixels.
    ///
    /// # Safety
    /// As [`after`](Self::after).
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quad(&self, row: usize, quad: usize) {
        let pixels = quad * QUAD * self.tail.stored;
        let output = self.output.wrapping_add(row * self.output_row + pixels);
        let residual = self.residual.wrapping_add(row * self.residual_row + pixels);
        let sums = self.sums.wrapping_add(row * TILE + quad * QUAD * ROW);
        // SAFETY: by the contract of this function; sums are aligned.
        unsafe {
            let load = |pixel: usize| _mm512_load_si512(sums.wrapping_add(pixel * ROW).cast());
            let sums = core::array::from_fn(|pixel| _mm512_add_epi32(self.block.bias, load(pixel)));
            finish::<QUAD, R>(sums, &self.block, &self.tail, output, residual);
        }
    }

    /// Goes on with the next group.
    #[inline(always)]
    fn next(&mut self) {
        let group = ROWS * self.tail.stored;
        self.left -= 1;
        let (mut output, mut residual) = (group, group);
        if self.left == 0 {
            self.left = self.width;
            let row = (self.width - 1) * group;
            output = (HEIGHT * self.output_row).wrapping_sub(row);
            residual = (HEIGHT * self.residual_row).wrapping_sub(row);
        }
        self.output = self.output.wrapping_add(output);
        self.residual = self.residual.wrapping_add(residual);
    }
}
