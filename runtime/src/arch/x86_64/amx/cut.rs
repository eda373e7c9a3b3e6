//! How a convolution is cut into tiles.

use super::super::requant512::QUAD;
use super::product::Target;
use super::tiles::{ROW, ROWS, Shape};
use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::ConvPlan;

/// Which tiles are multiplied together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Two tiles of pixels, two blocks of outputs.
    Blocks,
    /// Two tiles of pixel pairs, one block: a row of a tile spans the windows of two neighbours, and each of them meets
    /// weights that are zero where the other's window is. Half as many loads of activations.
    Pairs,
    /// Four tiles of pixels, one block.
    Pixels,
    /// A whole small map, one block: five tiles run on over the border from row to row, and what they compute there
    /// is not used.
    Map,
}

/// A convolution, or some of its outputs, cut into tiles of pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub grouping: Grouping,
    /// Rows of a tile.
    pub rows: usize,
    /// Rows of the last tile of a map.
    last: usize,
    /// Bytes of depth of a tile.
    pub chunk: usize,
    /// Chunks of a run.
    pub chunks: usize,
    /// Bytes of activations from one row of a tile to the next.
    pub step: usize,
    /// Pixels of a tile; of a map, those of all its tiles.
    pixels: usize,
    /// Rows of sums from one output row's last pixel to the next row's first.
    pub sums_gap: usize,
    /// Tiles of an output row.
    pub per_row: usize,
    /// Tiles of the output.
    pub tiles: usize,
}

/// Most kernel rows of pixel pairs.
pub(super) const PAIR_ROWS: usize = 3;

impl Cut {
    /// For all outputs of a small map; none if it is not one.
    pub fn of_map(plan: &ConvPlan<'_>) -> Option<Self> {
        let (height, width) = (plan.output.height, plan.output.width);
        if !plan.step_y.is_multiple_of(plan.step_x) || width >= ROWS || !width.is_multiple_of(QUAD) {
            return None;
        }
        let pitch = plan.step_y / plan.step_x;
        let windows = (height - 1) * pitch + width;
        let rows = windows.div_ceil(TILES);
        let last = windows.checked_sub((TILES - 1) * rows).filter(|&last| last > 0)?;
        // Narrow maps waste more of plain tiles, wide borders more of these.
        if rows > ROWS || pitch < width || 3 * windows > 4 * height * width {
            return None;
        }
        let chunk = chunk(plan.run)?;
        Some(Self {
            grouping: Grouping::Map,
            rows,
            last,
            chunk,
            chunks: plan.run / chunk,
            step: plan.step_x,
            pixels: height * width,
            sums_gap: pitch - width,
            per_row: TILES,
            tiles: TILES,
        })
    }

    /// For pairs of blocks.
    pub fn of_blocks(plan: &ConvPlan<'_>) -> Option<Self> {
        let (height, width) = (plan.output.height, plan.output.width);
        // Known numbers are divided by more quickly.
        let (rows, per_row) = match width {
            width if width.is_multiple_of(ROWS) => (ROWS, width / ROWS),
            width if width.is_multiple_of(3 * QUAD) => (3 * QUAD, width / (3 * QUAD)),
            width if width.is_multiple_of(2 * QUAD) => (2 * QUAD, width / (2 * QUAD)),
            width if width.is_multiple_of(QUAD) => (QUAD, width / QUAD),
            _ => return None,
        };
        let chunk = chunk(plan.run)?;
        Some(Self {
            grouping: Grouping::Blocks,
            rows,
            last: rows,
            chunk,
            chunks: plan.run / chunk,
            step: plan.step_x,
            pixels: rows,
            sums_gap: 0,
            per_row,
            tiles: per_row * height,
        })
    }

    /// For a single block instead: with pairs of pixels, if the tiles are no smaller then.
    pub fn of_block(self, plan: &ConvPlan<'_>) -> Self {
        let both = plan.run + plan.step_x;
        if both > ROW || plan.rows > PAIR_ROWS || !self.per_row.is_multiple_of(2) {
            return Self { grouping: Grouping::Pixels, ..self };
        }
        Self {
            grouping: Grouping::Pairs,
            chunk: both,
            chunks: 1,
            step: 2 * plan.step_x,
            pixels: 2 * self.pixels,
            per_row: self.per_row / 2,
            tiles: self.tiles / 2,
            ..self
        }
    }

    /// Pixels of a group of so many tiles.
    pub fn pixels(&self, tiles: usize) -> usize {
        if self.grouping == Grouping::Map { self.pixels } else { tiles * self.pixels }
    }

    /// Where sums go: of one block, those of all pixels of a group lie one after the other.
    pub fn target(&self, sums: *mut u8) -> Target {
        let tile = self.rows * ROW;
        let (stride, second, next) = match self.grouping {
            Grouping::Blocks => (ROW, 2 * tile, tile),
            Grouping::Pairs => (2 * ROW, ROW, 2 * tile),
            Grouping::Pixels | Grouping::Map => (ROW, 0, tile),
        };
        Target { sums, stride, second, next }
    }

    /// Bytes from the first tile of weights of a step to the second, and from one step to the next.
    pub fn weight_steps(&self, plan: &ConvPlan<'_>) -> (usize, usize) {
        let tile = self.chunk * BLOCK;
        match self.grouping {
            Grouping::Pairs => (tile, 2 * tile),
            _ => (plan.filter.depth * BLOCK, tile),
        }
    }

    /// The shape of the tiles as the products use them.
    pub fn shape(&self) -> Shape {
        // All are limited by the size of a tile.
        let (rows, last, depth) = (self.rows as u8, self.last as u8, self.chunk as u8);
        let groups = depth / CHANNEL_GROUP as u8;
        let full = ROW as u8;
        match self.grouping {
            Grouping::Map => Shape {
                rows: [rows, rows, rows, rows, last, rows, last, groups],
                bytes: [full, full, full, full, full, depth, depth, full],
            },
            _ => Shape {
                rows: [rows, rows, rows, rows, rows, rows, groups, groups],
                bytes: [full, full, full, full, depth, depth, full, full],
            },
        }
    }
}

/// Tiles of a map.
const TILES: usize = 5;

/// A run in the fewest equal chunks; none if they would be small.
fn chunk(run: usize) -> Option<usize> {
    let least = run.div_ceil(ROW);
    let fits = |parts: &usize| run.is_multiple_of(parts * CHANNEL_GROUP);
    Some(run / (least..=2 * least).find(fits)?)
}
