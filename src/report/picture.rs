//! Pictures of pixels.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};

/// A PNG file of `width` by `height` pixels, row by row, three bytes each: red, green, blue.
///
/// # Errors
/// When `rgb` is not of that size.
pub fn png(width: u32, height: u32, rgb: &[u8]) -> std::io::Result<Vec<u8>> {
    let bytes = 3 * u64::from(width) * u64::from(height);
    if rgb.len() as u64 != bytes {
        return Err(std::io::Error::other(format!("{} bytes for {width}x{height} pixels", rgb.len())));
    }
    let mut file = vec![];
    let encoder = PngEncoder::new(&mut file);
    encoder.write_image(rgb, width, height, ExtendedColorType::Rgb8).map_err(std::io::Error::other)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn files_hold_the_pixels() {
        let rgb: Vec<u8> = (0..3 * 5 * 4).map(|i| i * 4).collect();
        let read = image::load_from_memory(&png(5, 4, &rgb).unwrap()).unwrap().into_rgb8();
        assert_eq!((read.width(), read.height(), read.into_raw()), (5, 4, rgb));
        assert!(png(5, 5, &[0; 3]).is_err());
    }
}
