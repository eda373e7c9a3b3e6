//! Convolutions of three kernel rows with stride 1: four rows of the output at a time, sixteen pixels of each.
//!
//! The windows of neighbouring rows overlap: a row of the input is loaded once for all products that it is part of, and the
//! three rows of weights stay in tiles as long as they are the same. Requantisation of the group before is spread evenly
//! between the products.

mod product;
mod tail;

use super::super::requant512::is_plain;
use super::product::TILE;
use super::tiles::{ROW, ROWS, Shape, Tiles};
use crate::format::layout::CHANNEL_GROUP;
use crate::ops::{ConvJob, ConvPlan};
use core::mem::MaybeUninit;
use core::ops::Range;
use product::{HEIGHT, KERNEL, Windows};
use tail::Finisher;

/// Sums of a group, row after row of the output.
#[repr(C, align(64))]
struct Sums(MaybeUninit<[u8; HEIGHT * TILE]>);

/// A convolution cut into such groups.
#[derive(Clone, Copy)]
pub(super) struct Strip {
    /// Chunks of a run, one or two, and their bytes.
    chunks: usize,
    chunk: usize,
}

impl Strip {
    /// None if the convolution cannot be cut like this.
    pub fn of(plan: &ConvPlan<'_>) -> Option<Self> {
        let (height, width) = (plan.output.height, plan.output.width);
        let chunks = plan.run.div_ceil(ROW);
        let fits = plan.rows == KERNEL
            && plan.step_y == plan.row_bytes
            && chunks <= 2
            && plan.run.is_multiple_of(chunks * CHANNEL_GROUP)
            && width.is_multiple_of(ROWS)
            && height.is_multiple_of(HEIGHT)
            && is_plain(plan);
        fits.then(|| Self { chunks, chunk: plan.run / chunks })
    }

    /// Convolves a range of blocks.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn run(&self, blocks: Range<usize>, job: &mut ConvJob<'_>, tiles: &mut Tiles) {
        // SAFETY: this backend is used only where tiles are permitted; a chunk is no longer than a row of a tile.
        unsafe { tiles.prepare(self.shape()) };
        match (self.chunks, job.plan().residual) {
            (1, None) => self.walk::<1, false>(blocks, job),
            (1, Some(_)) => self.walk::<1, true>(blocks, job),
            (_, None) => self.walk::<2, false>(blocks, job),
            (_, Some(_)) => self.walk::<2, true>(blocks, job),
        }
    }

    /// Four tiles of sums, one of pixels, three of weights.
    fn shape(&self) -> Shape {
        // All are limited by the size of a tile.
        let (full, rows, depth) = (ROW as u8, ROWS as u8, self.chunk as u8);
        let groups = depth / CHANNEL_GROUP as u8;
        Shape {
            rows: [rows, rows, rows, rows, rows, groups, groups, groups],
            bytes: [full, full, full, full, depth, full, full, full],
        }
    }

    /// Group after group, of `C` chunks, with (`R`) or without a residual.
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn walk<const C: usize, const R: bool>(&self, blocks: Range<usize>, job: &mut ConvJob<'_>) {
        let plan = job.plan();
        let mut sums = Sums(MaybeUninit::uninit());
        let sums: *mut u8 = sums.0.as_mut_ptr().cast();
        let mut windows = Windows::new(self.chunk, job);
        let start = windows.first;
        let mut finisher = Finisher::<R>::new(sums, blocks.start, job);
        let mut is_first = true;
        for block in blocks {
            let weights = plan.filter.block_weights(block).as_ptr();
            for y in (0..plan.output.height).step_by(HEIGHT) {
                for x in (0..plan.output.width).step_by(ROWS) {
                    windows.first = start.wrapping_add(y * plan.step_y + x * plan.step_x);
                    let is_new = (y, x) == (0, 0);
                    // A copy stays in registers.
                    let before = finisher;
                    // SAFETY: tiles are set up. The plan has checked that the windows of all pixels lie in the input and that a
                    // block holds three runs of weights for each output. The group before lies in the output.
                    unsafe {
                        if is_first {
                            windows.sum::<C>(weights, is_new, sums, |_| {});
                        } else {
                            windows.sum::<C>(weights, is_new, sums, |product| before.after::<C>(product));
                            finisher.advance();
                        }
                    }
                    is_first = false;
                    if is_new {
                        finisher = Finisher::new(sums, block, job);
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe {
            product::store(sums);
            finisher.finish();
        }
    }
}
