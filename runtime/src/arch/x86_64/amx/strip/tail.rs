//! Requantisation of the group before, a quad of pixels at a time.

use super::super::super::requant512::{Block, QUAD, Tail, finish};
use super::super::product::TILE;
use super::super::tiles::{ROW, ROWS};
use super::product::{HEIGHT, PRODUCTS, STORED};
use crate::format::layout::BLOCK;
use crate::ops::ConvJob;
use core::arch::asm;
use core::arch::x86_64::*;

/// Quads of a row of a group.
const WIDTH: usize = ROWS / QUAD;

/// Quads of a group.
const QUADS: usize = HEIGHT * WIDTH;

/// The group before, of one block.
#[derive(Clone, Copy)]
pub(super) struct Finisher<'p, const R: bool> {
    block: Block<'p>,
    tail: Tail<true>,
    sums: *const u8,
    /// The first pixel.
    output: *mut u8,
    residual: *const u8,
    /// Bytes from row to row.
    output_row: usize,
    residual_row: usize,
    /// Groups from here to the right end, and from end to end.
    left: usize,
    width: usize,
}

impl<'p, const R: bool> Finisher<'p, R> {
    /// At the first group of a block.
    #[inline(never)]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn new(sums: *const u8, block: usize, job: &mut ConvJob<'p>) -> Self {
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

    /// Goes on with the next group of the block.
    #[inline(always)]
    pub fn advance(&mut self) {
        let group = ROWS * self.tail.stored;
        self.left -= 1;
        let (mut output, mut residual) = (group, group);
        if self.left == 0 {
            self.left = self.width;
            let back = (self.width - 1) * group;
            output = (HEIGHT * self.output_row).wrapping_sub(back);
            residual = (HEIGHT * self.residual_row).wrapping_sub(back);
        }
        self.output = self.output.wrapping_add(output);
        self.residual = self.residual.wrapping_add(residual);
    }

    /// Requantises what falls to one of the products of `C` chunks.
    ///
    /// # Safety
    /// It is called once for each product of a group, in their order; the group lies in the tensors of the job.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub unsafe fn after<const C: usize>(&self, product: usize) {
        let done = |products: usize| QUADS * products / (C * PRODUCTS);
        for quad in done(product)..done(product + 1) {
            // SAFETY: by the contract of this function: no more rows are begun than products, and with those the stores.
            unsafe { self.quad(STORED[quad / WIDTH], quad % WIDTH) };
        }
    }

    /// Requantises a whole group.
    ///
    /// # Safety
    /// All sums have been stored; the group lies in the tensors of the job.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub unsafe fn finish(&self) {
        for quad in 0..QUADS {
            // SAFETY: by the contract of this function.
            unsafe { self.quad(quad / WIDTH, quad % WIDTH) };
        }
    }

    /// Requantises a quad of pixels.
    ///
    /// # Safety
    /// The sums of the row have been stored; the group lies in the tensors of the job.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    unsafe fn quad(&self, row: usize, quad: usize) {
        let pixels = quad * QUAD * self.tail.stored;
        let output = self.output.wrapping_add(row * self.output_row + pixels);
        let residual = self.residual.wrapping_add(row * self.residual_row + pixels);
        let sums = self.sums.wrapping_add(row * TILE + quad * QUAD * ROW);
        prefetch(output.wrapping_add(HEIGHT * self.output_row));
        // SAFETY: by the contract of this function; sums are aligned.
        unsafe {
            let load = |pixel: usize| _mm512_load_si512(sums.wrapping_add(pixel * ROW).cast());
            let sums = core::array::from_fn(|pixel| _mm512_add_epi32(self.block.bias, load(pixel)));
            finish::<QUAD, R, true>(sums, &self.block, &self.tail, output, residual);
        }
    }
}

/// Has a cache line made ready to be written.
#[inline(always)]
fn prefetch(line: *const u8) {
    // SAFETY: nothing is read or written, whatever the address.
    unsafe { asm!("prefetchw [{}]", in(reg) line.addr(), options(nostack, nomem, preserves_flags)) };
}
