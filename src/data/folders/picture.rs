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
        let picture = self.resized(decode(path)?);
        let (width, height) = picture.dimensions();
        if width.min(height) < self.side {
            let side = self.side;
            let reason = format!("{width}x{height} pixels, expected at least {side}x{side}");
            return Err(DataError::Picture { path: path.to_owned(), reason });
        }
        let (left, top) = ((width - self.side) / 2, (height - self.side) / 2);
        let square = crop_imm(&picture, left, top, self.side, self.side);
        write(&square.to_image(), chw);
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

fn decode(path: &Path) -> Result<RgbImage, DataError> {
    let reader = image::ImageReader::open(path).and_then(image::ImageReader::with_guessed_format);
    let reader = reader.map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    let refuse =
        |error: image::ImageError| DataError::Picture { path: path.to_owned(), reason: error.to_string() };
    Ok(reader.decode().map_err(refuse)?.into_rgb8())
}

/// Pixel by pixel to channel by channel.
fn write(picture: &RgbImage, chw: &mut [u8]) {
    let plane = picture.width() as usize * picture.height() as usize;
    for (place, pixel) in picture.pixels().enumerate() {
        for (channel, value) in pixel.0.into_iter().enumerate() {
            if let Some(to) = chw.get_mut(channel * plane + place) {
                *to = value;
            }
        }
    }
}

/// See [`stretched`](super::stretched).
pub(super) fn stretched(path: &Path, side: usize, chw: &mut [u8]) -> Result<(), DataError> {
    // Sides of backgrounds are at most 96.
    let side = side as u32;
    write(&resize(&decode(path)?, side, side, FilterType::Triangle), chw);
    Ok(())
}
