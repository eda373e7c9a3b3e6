//! Image views.

use proptest::prelude::*;
use ringfence_runtime::smooth::{Image, ImageError};
use sha2::{Digest, Sha256};

#[test]
fn wrong_sizes_are_errors() {
    let bytes = [0; 24];
    assert_eq!(Image::chw(&bytes, 3, 2, 3).unwrap_err(), ImageError::Length { expected: 18, found: 24 });
    assert_eq!(Image::hwc(&bytes, 4, 4, 3).unwrap_err(), ImageError::Length { expected: 48, found: 24 });
    assert_eq!(Image::chw(&[], 0, 2, 3).unwrap_err(), ImageError::Shape { shape: [0, 2, 3] });
    let huge = Image::hwc(&bytes, usize::MAX, 2, 3).unwrap_err();
    assert_eq!(huge, ImageError::Shape { shape: [usize::MAX, 2, 3] });
    assert_eq!(huge.to_string(), format!("no image has the shape {}x2x3", usize::MAX));
}

proptest! {
    #[test]
    fn both_layouts_show_the_same_image(c in 1usize..5, h in 1usize..9, w in 1usize..9, seed: u8) {
        let chw: Vec<u8> = (0..c * h * w).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
        let mut hwc = vec![0; chw.len()];
        for (i, &pixel) in chw.iter().enumerate() {
            let (channel, y, x) = (i / (h * w), i / w % h, i % w);
            hwc[(y * w + x) * c + channel] = pixel;
        }
        let views = [Image::chw(&chw, c, h, w).unwrap(), Image::hwc(&hwc, c, h, w).unwrap()];
        for view in views {
            prop_assert_eq!(view.shape(), [c, h, w]);
            prop_assert_eq!(view.sha256(), <[u8; 32]>::from(Sha256::digest(&chw)));
            for (i, row) in chw.chunks(w).enumerate() {
                prop_assert!(view.row(i / h, i % h).eq(row.iter().copied()));
                for (x, &pixel) in row.iter().enumerate() {
                    prop_assert_eq!(view.pixel(i / h, i % h, x), Some(pixel));
                }
            }
            prop_assert_eq!(view.pixel(c, 0, 0), None);
            prop_assert_eq!(view.pixel(0, h, 0), None);
            prop_assert_eq!(view.pixel(0, 0, w), None);
            prop_assert_eq!(view.row(c, 0).count() + view.row(0, h).count(), 0);
        }
    }
}
