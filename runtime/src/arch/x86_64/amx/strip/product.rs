//! Sums of four rows of the output.

use super::super::product::TILE;
use super::super::tiles::{ROW, dot, load, store, zero};
use crate::format::layout::BLOCK;
use crate::ops::ConvJob;

/// Rows of the output.
pub(super) const HEIGHT: usize = 4;

/// Rows of the kernel.
pub(super) const KERNEL: usize = 3;

/// Products of a chunk.
pub(super) const PRODUCTS: usize = HEIGHT * KERNEL;

/// The order in which the rows of the group before are stored.
pub(super) const STORED: [usize; HEIGHT] = [0, 3, 2, 1];

/// The windows of the pixels of a group.
pub(super) struct Windows {
    /// The first window.
    pub first: *const u8,
    /// Bytes from one window to the next, and from one row of the input to the next.
    step: usize,
    row: usize,
    /// Bytes of a chunk.
    chunk: usize,
}

impl Windows {
    /// Those of the first group.
    pub fn new(chunk: usize, job: &ConvJob<'_>) -> Self {
        let plan = job.plan();
        let first = job.input()[plan.window(0, 0)..].as_ptr();
        Self { first, step: plan.step_x, row: plan.row_bytes, chunk }
    }

    /// Stores the sums of the group before and sums this one, of `C` chunks; `after` is called after each product.
    /// Weights are loaded if they are new or change from chunk to chunk.
    ///
    /// # Safety
    /// Tiles are set up; windows and weights can be read, and there is room for the sums.
    #[inline(always)]
    pub unsafe fn sum<const C: usize>(
        &self,
        weights: *const u8,
        is_new: bool,
        sums: *mut u8,
        mut after: impl FnMut(usize),
    ) {
        // SAFETY: by the contract of this function.
        unsafe {
            if C > 1 || is_new {
                self.load_weights::<C>(weights);
            }
            self.add::<true>(self.first, sums, &mut after);
            if C > 1 {
                self.load_weights::<C>(weights.wrapping_add(self.chunk * BLOCK));
                let second = self.first.wrapping_add(self.chunk);
                self.add::<false>(second, sums, |product| after(PRODUCTS + product));
            }
        }
    }

    /// Loads the weights of a chunk, a tile for each row of the kernel.
    ///
    /// # Safety
    /// As [`sum`](Self::sum).
    #[inline(always)]
    unsafe fn load_weights<const C: usize>(&self, weights: *const u8) {
        let row = C * self.chunk * BLOCK;
        // SAFETY: by the contract of this function.
        unsafe {
            load!("tmm5", weights, ROW);
            load!("tmm6", weights.wrapping_add(row), ROW);
            load!("tmm7", weights.wrapping_add(2 * row), ROW);
        }
    }

    /// Adds the products of a chunk; its first products find the sums of the group before, and store and clear them.
    ///
    /// The sums take turns: a product is done when three others have been started.
    ///
    /// # Safety
    /// As [`sum`](Self::sum); the weights have been loaded.
    #[inline(always)]
    unsafe fn add<const FIRST: bool>(&self, chunk: *const u8, sums: *mut u8, mut after: impl FnMut(usize)) {
        macro_rules! row {
            ($row:literal) => {
                load!("tmm4", chunk.wrapping_add($row * self.row), self.step)
            };
        }
        macro_rules! begin {
            ($sum:tt, $row:literal) => {
                if FIRST {
                    store!($sum, sums.wrapping_add($row * TILE), ROW);
                    zero!($sum);
                }
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
            row!(0);
            begin!("tmm0", 0);
            product!(0, "tmm0", "tmm5");
            row!(5);
            begin!("tmm3", 3);
            product!(1, "tmm3", "tmm7");
            row!(2);
            begin!("tmm2", 2);
            product!(2, "tmm2", "tmm5");
            begin!("tmm1", 1);
            product!(3, "tmm1", "tmm6");
            product!(4, "tmm0", "tmm7");
            row!(4);
            product!(5, "tmm3", "tmm6");
            product!(6, "tmm2", "tmm7");
            row!(1);
            product!(7, "tmm1", "tmm5");
            product!(8, "tmm0", "tmm6");
            row!(3);
            product!(9, "tmm3", "tmm5");
            product!(10, "tmm2", "tmm6");
            product!(11, "tmm1", "tmm7");
        }
    }
}

/// Stores the sums of the last group.
///
/// # Safety
/// Tiles are set up; there is room for the sums.
#[inline(always)]
pub(super) unsafe fn store(sums: *mut u8) {
    // SAFETY: by the contract of this function.
    unsafe {
        store!("tmm0", sums, ROW);
        store!("tmm1", sums.wrapping_add(TILE), ROW);
        store!("tmm2", sums.wrapping_add(2 * TILE), ROW);
        store!("tmm3", sums.wrapping_add(3 * TILE), ROW);
    }
}
