//! Layout of a tensor.

use core::ops::Range;

/// A tensor of u8 in the arena of one sample.
///
/// Rows, then columns, then channels (HWC), with `stored` channels (a multiple of four) per pixel and
/// `border` more pixels on every side that hold the zero point. Channels from `channels` to `stored` mean
/// nothing.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// First byte in the arena of a sample, a multiple of 64.
    pub offset: usize,
    /// Rows without border.
    pub height: usize,
    /// Columns without border.
    pub width: usize,
    /// Channels that mean something.
    pub channels: usize,
    /// Channels stored per pixel: `channels` rounded up to a multiple of four.
    pub stored: usize,
    /// Pixels of border on each side.
    pub border: usize,
    /// Whether the border mirrors the pixels inside (the outermost are not repeated); else it holds zero points.
    pub mirrored: bool,
    /// The value that stands for zero.
    pub zero_point: u8,
    /// The largest value that is ever written, 255 or 127; at least the zero point.
    pub top: u8,
    /// Size with border and padding channels.
    pub bytes: usize,
}

impl Tensor {
    /// Bytes from one row to the next.
    pub fn row_bytes(&self) -> usize {
        (self.width + 2 * self.border) * self.stored
    }

    /// Position of channel `c` at row `y` and column `x` (not counting the border), from the tensor's start.
    pub fn index(&self, y: usize, x: usize, c: usize) -> usize {
        (y + self.border) * self.row_bytes() + (x + self.border) * self.stored + c
    }

    /// The tensor's bytes in the arena of a sample.
    pub fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.bytes
    }

    /// How many rows and columns of `larger` stand for one of this tensor: 1, 2, or none of these for both.
    pub fn magnification(&self, larger: &Self) -> Option<usize> {
        [1, 2]
            .into_iter()
            .find(|times| (times * self.height, times * self.width) == (larger.height, larger.width))
    }

    /// Whether the two tensors share a byte of the arena.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.offset + other.bytes && other.offset < self.offset + self.bytes
    }
}
