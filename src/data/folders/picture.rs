//! A picture file, brought to the size of the data set.

use std::path::Path;

use image::RgbImage;
use image::imageops::{FilterType, crop_imm, resize};

use super::super::{DataError, Shape};

/// What is taken of a picture: the square in its middle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Rows and columns of the square.
    pub side: u32,
    /// The picture's shorter side, to which it is resized before; none: as it is.
    pub shorter: Option<u32>,
}

impl Frame {
    pub fn shape(self) -> Shape {
        Shape { channels: 3, height: self.side as usize, width: self.side as usize }
    }

    /// Decodes the picture at `path`, PNG or JPEG whatever it is called, into `chw`.
    pub fn read(self, path: &Path, chw: &mut [u8]) -> Result<(), DataError> {
        let refuse = |reason: String| DataError::Picture { path: path.to_owned(), reason };
        let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
        let reader = reader.map_err(|source| DataError::Read { path: path.to_owned(), source })?;
        let picture = self.resized(reader.decode().map_err(|e| refuse(e.to_string()))?.into_rgb8());
        let (width, height) = picture.dimensions();
        if width.min(height) < self.side {
            let side = self.side;
            return Err(refuse(format!("{width}x{height} pixels, expected at least {side}x{side}")));
        }
        let (left, top) = ((width - self.side) / 2, (height - self.side) / 2);
        let square = crop_imm(&picture, left, top, self.side, self.side);
        let plane = self.shape().height * self.shape().width;
        for (place, pixel) in square.to_image().pixels().enumerate() {
            for (channel, value) in pixel.0.into_iter().enumerate() {
                chw[channel * plane + place] = value;
            }
        }
        Ok(())
    }

    fn resized(self, picture: RgbImage) -> RgbImage {
        let Some(shorter) = self.shorter else { return picture };
        let (width, height) = picture.dimensions();
        let least = width.min(height).max(1);
        let scaled = |side: u32| (u64::from(side) * u64::from(shorter)).div_ceil(u64::from(least)) as u32;
        resize(&picture, scaled(width), scaled(height), FilterType::Triangle)
    }
}
