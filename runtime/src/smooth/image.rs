//! Views of 8-bit images.

use core::error::Error;
use core::fmt;
use sha2::{Digest, Sha256};

/// An image of u8 pixels, 0..=255 for 0..=1, channel by channel (CHW) or pixel by pixel (HWC).
#[derive(Clone, Copy, Debug)]
pub struct Image<'b> {
    bytes: &'b [u8],
    channels: usize,
    height: usize,
    width: usize,
    /// Bytes from one channel, row, column to the next.
    strides: [usize; 3],
}

/// The bytes are not an image of the given shape.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageError {
    /// A side is zero or the shape has more bytes than memory.
    Shape {
        /// Channels, height and width.
        shape: [usize; 3],
    },
    /// Too many or too few bytes.
    Length {
        /// Bytes of the shape.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Shape { shape: [c, h, w] } => write!(f, "no image has the shape {c}x{h}x{w}"),
            Self::Length { expected, found } => write!(f, "image of {found} bytes, its shape has {expected}"),
        }
    }
}

impl Error for ImageError {}

impl<'b> Image<'b> {
    /// An image stored channel by channel.
    pub fn chw(bytes: &'b [u8], channels: usize, height: usize, width: usize) -> Result<Self, ImageError> {
        check(bytes, [channels, height, width])?;
        Ok(Self { bytes, channels, height, width, strides: [height * width, width, 1] })
    }

    /// An image stored row by row with the channels of a pixel together.
    pub fn hwc(bytes: &'b [u8], channels: usize, height: usize, width: usize) -> Result<Self, ImageError> {
        check(bytes, [channels, height, width])?;
        Ok(Self { bytes, channels, height, width, strides: [1, width * channels, channels] })
    }

    /// Channels, height and width.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// The pixel of channel `c` at row `y` and column `x`; none outside the image.
    pub fn pixel(&self, c: usize, y: usize, x: usize) -> Option<u8> {
        let inside = c < self.channels && y < self.height && x < self.width;
        let [channel, row, column] = self.strides;
        inside.then(|| self.bytes[c * channel + y * row + x * column])
    }

    /// The pixels of a channel's row from left to right; empty outside the image.
    #[inline]
    pub fn row(&self, c: usize, y: usize) -> Row<'b> {
        let inside = c < self.channels && y < self.height;
        let [channel, row, column] = self.strides;
        let bytes = if inside { self.bytes.get(c * channel + y * row..) } else { None };
        Row { bytes: bytes.unwrap_or_default(), column, left: if inside { self.width } else { 0 } }
    }

    /// SHA-256 of the pixels in CHW order, whatever the storage.
    pub fn sha256(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for c in 0..self.channels {
            for y in 0..self.height {
                self.row(c, y).for_each(|pixel| hash.update([pixel]));
            }
        }
        hash.finalize().into()
    }
}

/// The rest of a row of one channel.
#[derive(Clone, Debug)]
pub struct Row<'b> {
    /// From the next pixel on.
    bytes: &'b [u8],
    /// Bytes from one pixel to the next.
    column: usize,
    /// Pixels left.
    left: usize,
}

impl<'b> Row<'b> {
    /// The bytes of the pixels left, if they are neighbours.
    #[inline(always)]
    pub(crate) fn neighbours(&self) -> Option<&'b [u8]> {
        self.bytes.get(..self.left).filter(|_| self.column == 1)
    }

    /// Copies the next pixels to `values`, as many as there are.
    #[inline(always)]
    pub(crate) fn copy_to(&mut self, values: &mut [u8]) {
        let count = values.len().min(self.left);
        let (values, bytes) = (&mut values[..count], self.bytes);
        match bytes.get(..count).filter(|_| self.column == 1) {
            Some(neighbours) => values.copy_from_slice(neighbours),
            None => {
                values.iter_mut().zip(bytes.iter().step_by(self.column)).for_each(|(to, from)| *to = *from)
            }
        }
        self.skip_pixels(count);
    }

    /// Adds the next pixels to `values`, as many as there are.
    #[inline(always)]
    pub(crate) fn add_to(&mut self, values: &mut [i16]) {
        let count = values.len().min(self.left);
        let values = &mut values[..count];
        let add = |(value, &pixel): (&mut i16, &u8)| *value = value.saturating_add(pixel.into());
        if self.column == 1 {
            // Apart, because neighbouring bytes are added side by side.
            values.iter_mut().zip(self.bytes).for_each(add);
        } else {
            values.iter_mut().zip(self.bytes.iter().step_by(self.column)).for_each(add);
        }
        self.skip_pixels(count);
    }

    /// Leaves out some of the pixels left.
    #[inline(always)]
    fn skip_pixels(&mut self, count: usize) {
        self.left -= count;
        self.bytes = self.bytes.get(count * self.column..).unwrap_or_default();
    }
}

impl Iterator for Row<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        self.left = self.left.checked_sub(1)?;
        let pixel = *self.bytes.first()?;
        self.bytes = self.bytes.get(self.column..).unwrap_or_default();
        Some(pixel)
    }
}

fn check(bytes: &[u8], shape: [usize; 3]) -> Result<(), ImageError> {
    let size = shape.iter().try_fold(1usize, |size, &side| size.checked_mul(side));
    let expected = size.filter(|&size| size > 0).ok_or(ImageError::Shape { shape })?;
    let found = bytes.len();
    if found == expected { Ok(()) } else { Err(ImageError::Length { expected, found }) }
}
