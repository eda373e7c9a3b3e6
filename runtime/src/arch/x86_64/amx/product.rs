//! Products of tiles: one step of depth for the accumulators of a group.
//!
//! The first step of a group stores the accumulators of the group before just when it needs the tiles. Stored at the
//! end of their own group they would make the next one wait for its first products.

use super::tiles::{ROW, ROWS, dot, load, store, zero};
use core::mem::MaybeUninit;

/// Most accumulators of a group.
pub(super) const SUMS: usize = 5;

/// Bytes of a tile of accumulators.
pub(super) const TILE: usize = ROWS * ROW;

/// Accumulators of a group, row after row of sixteen.
#[repr(C, align(64))]
pub(super) struct Sums(MaybeUninit<[u8; SUMS * TILE]>);

impl Sums {
    pub fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr().cast()
    }
}

/// Where accumulators go.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub sums: *mut u8,
    /// Bytes from row to row of a tile.
    pub stride: usize,
    /// Bytes from the sums of the first weights to those of the second.
    pub second: usize,
    /// Bytes from tile to tile of pixels.
    pub next: usize,
}

/// Where a step finds its operands. Only the two pointers change from step to step: whatever is kept in memory is in the
/// way of the sums' stores.
#[derive(Clone, Copy)]
pub(super) struct Operands<const P: usize> {
    /// First row of the first tile of pixels.
    pub pixels: *const u8,
    /// Bytes from there to the first row of each tile.
    pub tiles: [usize; P],
    /// Bytes of activations from one row of a tile to the next.
    pub step: usize,
    /// First tile of weights.
    pub weights: *const u8,
    /// Bytes from there to the second.
    pub second: usize,
}

/// `P` tiles of pixels times one or two tiles of weights. All are unsafe alike: tiles are set up in the kernel's shape, the
/// operands can be read, and the target has room for the sums of a group.
pub(super) trait Product<const P: usize> {
    /// A step; the first of a group stores the sums of the group before.
    unsafe fn step<const FIRST: bool>(operands: &Operands<P>, target: &Target);

    /// Stores the sums of the last group.
    unsafe fn store(target: &Target);
}

/// Before its first product a sum is stored, for the group before, and cleared.
macro_rules! begin {
    ($first:ident, $sum:tt, $to:expr, $stride:expr) => {
        if $first {
            store!($sum, $to, $stride);
            zero!($sum);
        }
    };
}

/// Two tiles of pixels times two tiles of weights.
pub(super) struct TwoByTwo;

impl Product<2> for TwoByTwo {
    #[inline(always)]
    unsafe fn step<const FIRST: bool>(operands: &Operands<2>, target: &Target) {
        let Operands { pixels, tiles, step, weights, second } = *operands;
        let [a, b, c, d] = Self::places(target);
        // SAFETY: by the contract of the trait.
        unsafe {
            load!("tmm4", pixels.wrapping_add(tiles[0]), step);
            load!("tmm6", weights, ROW);
            begin!(FIRST, "tmm0", a, target.stride);
            dot!("tmm0", "tmm4", "tmm6");
            load!("tmm7", weights.wrapping_add(second), ROW);
            begin!(FIRST, "tmm1", b, target.stride);
            dot!("tmm1", "tmm4", "tmm7");
            load!("tmm5", pixels.wrapping_add(tiles[1]), step);
            begin!(FIRST, "tmm2", c, target.stride);
            dot!("tmm2", "tmm5", "tmm6");
            begin!(FIRST, "tmm3", d, target.stride);
            dot!("tmm3", "tmm5", "tmm7");
        }
    }

    #[inline(always)]
    unsafe fn store(target: &Target) {
        let [a, b, c, d] = Self::places(target);
        // SAFETY: by the contract of the trait.
        unsafe {
            store!("tmm0", a, target.stride);
            store!("tmm1", b, target.stride);
            store!("tmm2", c, target.stride);
            store!("tmm3", d, target.stride);
        }
    }
}

impl TwoByTwo {
    #[inline(always)]
    fn places(target: &Target) -> [*mut u8; 4] {
        let (first, second) = (target.sums, target.sums.wrapping_add(target.second));
        [first, second, first.wrapping_add(target.next), second.wrapping_add(target.next)]
    }
}

/// Four tiles of pixels times one tile of weights.
pub(super) struct FourByOne;

impl Product<4> for FourByOne {
    #[inline(always)]
    unsafe fn step<const FIRST: bool>(operands: &Operands<4>, target: &Target) {
        let Operands { pixels, tiles, step, weights, .. } = *operands;
        let sums = |tile: usize| target.sums.wrapping_add(tile * target.next);
        // SAFETY: by the contract of the trait.
        unsafe {
            load!("tmm6", weights, ROW);
            load!("tmm4", pixels.wrapping_add(tiles[0]), step);
            begin!(FIRST, "tmm0", sums(0), ROW);
            dot!("tmm0", "tmm4", "tmm6");
            load!("tmm5", pixels.wrapping_add(tiles[1]), step);
            begin!(FIRST, "tmm1", sums(1), ROW);
            dot!("tmm1", "tmm5", "tmm6");
            load!("tmm4", pixels.wrapping_add(tiles[2]), step);
            begin!(FIRST, "tmm2", sums(2), ROW);
            dot!("tmm2", "tmm4", "tmm6");
            load!("tmm5", pixels.wrapping_add(tiles[3]), step);
            begin!(FIRST, "tmm3", sums(3), ROW);
            dot!("tmm3", "tmm5", "tmm6");
        }
    }

    #[inline(always)]
    unsafe fn store(target: &Target) {
        let sums = |tile: usize| target.sums.wrapping_add(tile * target.next);
        // SAFETY: by the contract of the trait.
        unsafe {
            store!("tmm0", sums(0), ROW);
            store!("tmm1", sums(1), ROW);
            store!("tmm2", sums(2), ROW);
            store!("tmm3", sums(3), ROW);
        }
    }
}

/// Five tiles of pixels, the last of them in a shape of its own, times one tile of weights.
pub(super) struct FiveByOne;

impl Product<5> for FiveByOne {
    #[inline(always)]
    unsafe fn step<const FIRST: bool>(operands: &Operands<5>, target: &Target) {
        let Operands { pixels, tiles, step, weights, .. } = *operands;
        let sums = |tile: usize| target.sums.wrapping_add(tile * target.next);
        // SAFETY: by the contract of the trait.
        unsafe {
            load!("tmm7", weights, ROW);
            load!("tmm5", pixels.wrapping_add(tiles[0]), step);
            begin!(FIRST, "tmm0", sums(0), ROW);
            dot!("tmm0", "tmm5", "tmm7");
            load!("tmm5", pixels.wrapping_add(tiles[1]), step);
            begin!(FIRST, "tmm1", sums(1), ROW);
            dot!("tmm1", "tmm5", "tmm7");
            load!("tmm5", pixels.wrapping_add(tiles[2]), step);
            begin!(FIRST, "tmm2", sums(2), ROW);
            dot!("tmm2", "tmm5", "tmm7");
            load!("tmm5", pixels.wrapping_add(tiles[3]), step);
            begin!(FIRST, "tmm3", sums(3), ROW);
            dot!("tmm3", "tmm5", "tmm7");
            load!("tmm6", pixels.wrapping_add(tiles[4]), step);
            begin!(FIRST, "tmm4", sums(4), ROW);
            dot!("tmm4", "tmm6", "tmm7");
        }
    }

    #[inline(always)]
    unsafe fn store(target: &Target) {
        let sums = |tile: usize| target.sums.wrapping_add(tile * target.next);
        // SAFETY: by the contract of the trait.
        unsafe {
            store!("tmm0", sums(0), ROW);
            store!("tmm1", sums(1), ROW);
            store!("tmm2", sums(2), ROW);
            store!("tmm3", sums(3), ROW);
            store!("tmm4", sums(4), ROW);
        }
    }
}
