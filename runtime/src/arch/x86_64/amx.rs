//! Convolution with AMX: a tile of up to sixteen pixels times a block of sixteen outputs, up to 64 of depth at a
//! time.
//!
//! The packed weights are tiles as they stand: sixteen groups `[16][4]`, one after the other. The windows of
//! neighbouring pixels are rows of a tile, `step_x` bytes apart and overlapping, so nothing is gathered. Runs are
//! cut into equal chunks. While the tiles of one group of pixels multiply, the group before it is requantised.

use super::avx512vnni;
use super::requant512::{Block, QUAD, Tail, finish};
use super::tiles::{Accumulators, ROW, Walk, configure, four_by_one, release, two_by_two};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

/// Rows of a tile.
const ROWS: usize = 16;

/// How the tiles are set up.
#[derive(Debug, Default)]
pub(super) struct Tiles {
    /// Pixels and bytes of depth of a tile; none before the first use.
    shape: Option<(usize, usize)>,
}

impl Tiles {
    /// Sets the tiles up, unless they are.
    ///
    /// # Safety
    /// As [`configure`].
    unsafe fn prepare(&mut self, pixels: usize, depth: usize) {
        if self.shape != Some((pixels, depth)) {
            // SAFETY: by the contract of this function.
            unsafe { configure(pixels, depth) };
            self.shape = Some((pixels, depth));
        }
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        if self.shape.is_some() {
            // SAFETY: tiles that were set up are permitted.
            unsafe { release() };
        }
    }
}

/// See [`ops::conv`](crate::ops::conv). Rows that cannot be cut into tiles are left to AVX512-VNNI.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn conv(mut job: ConvJob<'_>, tiles: &mut Tiles) {
    let plan = job.plan();
    let Some(cut) = Cut::of(plan) else { return avx512vnni::conv(job) };
    // SAFETY: this backend is used only where tiles are permitted; `Cut` keeps to the limits.
    unsafe { tiles.prepare(cut.pixels, cut.chunk) };
    let mut memory = [const { MaybeUninit::uninit() }; 2];
    let blocks = plan.filter.blocks();
    let mut block = 0;
    while block < blocks {
        // Loads of activations that straddle cache lines cost most: there two blocks share them.
        if block + 1 < blocks && !plan.step_x.is_multiple_of(ROW) {
            let pair = [Block::new(plan, block), Block::new(plan, block + 1)];
            pass::<2, 2>(&cut, pair, &mut memory, &mut job);
            block += 2;
        } else {
            pass::<4, 1>(&cut, [Block::new(plan, block)], &mut memory, &mut job);
            block += 1;
        }
    }
}

/// How a convolution is cut into tiles.
struct Cut {
    /// Pixels of a tile: they lie in one row.
    pixels: usize,
    /// Bytes of depth of a tile.
    chunk: usize,
    /// Tiles of a row.
    per_row: usize,
    /// Tiles of the output.
    tiles: usize,
}

impl Cut {
    /// None if tiles would be mostly empty.
    fn of(plan: &ConvPlan<'_>) -> Option<Self> {
        let width = plan.output.width;
        let pixels = (QUAD..=ROWS).rev().step_by(QUAD).find(|&pixels| width.is_multiple_of(pixels))?;
        let least = plan.run.div_ceil(ROW);
        let fits = |parts: &usize| plan.run.is_multiple_of(parts * CHANNEL_GROUP);
        let chunk = plan.run / (least..=2 * least).find(fits)?;
        let per_row = width / pixels;
        Some(Self { pixels, chunk, per_row, tiles: per_row * plan.output.height })
    }

    /// Row and column of a tile's first pixel; of the last tile, if there are not so many.
    fn place(&self, tile: usize) -> (usize, usize) {
        let tile = tile.min(self.tiles - 1);
        (tile / self.per_row, tile % self.per_row * self.pixels)
    }
}

/// All pixels of `B` blocks, `P` tiles at a time.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn pass<const P: usize, const B: usize>(
    cut: &Cut,
    blocks: [Block<'_>; B],
    memory: &mut [MaybeUninit<Accumulators>; 2],
    job: &mut ConvJob<'_>,
) {
    let plan = job.plan();
    let tail = Tail::new(plan);
    let walk = Walk {
        rows: plan.rows,
        chunks: plan.run / cut.chunk,
        chunk: cut.chunk,
        gap: plan.row_bytes - plan.run,
        weights: cut.chunk * BLOCK,
        step: plan.step_x,
    };
    let [mut current, mut next] = memory.each_mut();
    multiply::<P, B>(&walk, cut, 0, &blocks, current, job);
    for group in (0..cut.tiles).step_by(P) {
        if group + P < cut.tiles {
            multiply::<P, B>(&walk, cut, group + P, &blocks, next, job);
        }
        for tile in group..cut.tiles.min(group + P) {
            for (b, block) in blocks.iter().enumerate() {
                let rows =
                    current.as_ptr().cast::<[i32; BLOCK]>().wrapping_add((b * P + tile - group) * ROWS);
                requantise(cut, tile, rows, block, &tail, job);
            }
        }
        core::mem::swap(&mut current, &mut next);
    }
}

/// Requantises a tile's accumulators, one row of sixteen for each pixel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn requantise(
    cut: &Cut,
    tile: usize,
    rows: *const [i32; BLOCK],
    block: &Block<'_>,
    tail: &Tail,
    job: &mut ConvJob<'_>,
) {
    let (y, x) = cut.place(tile);
    let stored = job.plan().output.stored;
    let (output, residual) = job.places(y, x, block.channel);
    for pixel in (0..cut.pixels).step_by(QUAD) {
        let at = pixel * stored;
        // SAFETY: `multiply` has written an aligned row for each pixel of the tile. The tile lies in the output; plan
        // and job have checked the sizes of the tensors.
        unsafe {
            let quad = core::array::from_fn(|i| {
                _mm512_add_epi32(block.bias, _mm512_load_si512(rows.wrapping_add(pixel + i).cast()))
            });
            finish::<QUAD>(quad, block, tail, output.wrapping_add(at), residual.wrapping_add(at));
        }
    }
}

/// Accumulators of `P` tiles from `group` on.
#[inline]
fn multiply<const P: usize, const B: usize>(
    walk: &Walk,
    cut: &Cut,
    group: usize,
    blocks: &[Block<'_>; B],
    out: &mut MaybeUninit<Accumulators>,
    job: &ConvJob<'_>,
) {
    let plan = job.plan();
    let window = |p: usize| {
        let (y, x) = cut.place(group + p);
        job.input()[plan.window(y, x)..].as_ptr()
    };
    let weights = |b: usize| blocks[b].weights.as_ptr();
    // SAFETY: tiles are configured. The plan has checked that the window of every pixel lies in the input and that a
    // block holds `rows * run` weights for each output.
    unsafe {
        match (P, B) {
            (2, 2) => two_by_two(walk, [window(0), window(1)], [weights(0), weights(1)], out),
            _ => four_by_one(walk, [window(0), window(1), window(2), window(3)], weights(0), out),
        }
    }
}
