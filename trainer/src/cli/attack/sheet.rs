//! `--sheet`: broken images beside what broke them.

use crate::attacks::Example;
use crate::error::Error;
use crate::export::write_whole;
use ringfence::report::png;
use std::path::Path;

/// Images on a sheet.
pub const LIMIT: usize = 10;
/// Sides that small images are enlarged to, about.
const SIDE: usize = 96;
/// White between tiles.
const GAP: usize = 4;

/// A picture, three bytes a pixel, row by row.
#[derive(Debug, Clone, PartialEq)]
struct Sheet {
    width: usize,
    height: usize,
    rgb: Vec<u8>,
}

/// Values of an image as bytes of 8 bits.
fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|v| (v.clamp(0.0, 1.0) * 255.0).round() as u8).collect()
}

/// The perturbation around grey, its largest value at black or white.
fn difference(example: &Example) -> Vec<u8> {
    let delta: Vec<f32> = example.adversarial.iter().zip(&example.original).map(|(a, o)| a - o).collect();
    let most = delta.iter().fold(f32::MIN_POSITIVE, |m, d| m.max(d.abs()));
    bytes(&delta.iter().map(|d| 0.5 + 0.5 * d / most).collect::<Vec<_>>())
}

impl Sheet {
    /// Three tiles in a row for each example: the image, the perturbation, the adversarial image.
    fn draw(examples: &[Example], [channels, height, width]: [usize; 3]) -> Self {
        let scale = (SIDE / height.max(width).max(1)).max(1);
        let (tall, wide) = (scale * height, scale * width);
        let (rows, columns) = (examples.len(), 3);
        let size = |count: usize, tile: usize| count * (tile + GAP) + GAP;
        let (h, w) = (size(rows, tall), size(columns, wide));
        let mut sheet = Self { width: w, height: h, rgb: vec![255; 3 * h * w] };
        for (row, example) in examples.iter().enumerate() {
            let tiles = [bytes(&example.original), difference(example), bytes(&example.adversarial)];
            for (column, tile) in tiles.iter().enumerate() {
                let (top, left) = (GAP + row * (tall + GAP), GAP + column * (wide + GAP));
                sheet.put(tile, [channels, height, width], scale, [top, left]);
            }
        }
        sheet
    }

    /// Enlarges an image by `scale`. One or two channels are grey; of more the first three are red, green and blue.
    fn put(
        &mut self,
        tile: &[u8],
        [channels, height, width]: [usize; 3],
        scale: usize,
        [top, left]: [usize; 2],
    ) {
        let of = |colour: usize| if channels < 3 { 0 } else { colour };
        for y in 0..scale * height {
            let from = 3 * ((top + y) * self.width + left);
            let line = &mut self.rgb[from..from + 3 * scale * width];
            for (x, pixel) in line.chunks_exact_mut(3).enumerate() {
                for (colour, value) in pixel.iter_mut().enumerate() {
                    *value = tile[(of(colour) * height + y / scale) * width + x / scale];
                }
            }
        }
    }
}

/// Writes the sheet and says what is on it, row by row. Without examples there is no file.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, examples: &[Example], shape: [usize; 3], classes: &[String]) -> Result<(), Error> {
    if examples.is_empty() {
        println!("{}: nothing to show, no image is broken", path.display());
        return Ok(());
    }
    let sheet = Sheet::draw(examples, shape);
    let file = png(sheet.width as u32, sheet.height as u32, &sheet.rgb).map_err(Error::file(path))?;
    write_whole(path, &file)?;
    let name = |class: i32| {
        usize::try_from(class)
            .ok()
            .and_then(|c| classes.get(c))
            .map_or_else(|| class.to_string(), Clone::clone)
    };
    println!("{}: image, perturbation, adversarial image", path.display());
    for e in examples {
        let (label, class) = (name(e.label), name(e.class));
        println!("  image {:<6} {label} -> {class}, {} at {:.5}", e.image, e.attack, e.distance);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn example(shape: [usize; 3]) -> Example {
        let original: Vec<f32> = (0..shape.iter().product()).map(|i| (i * 7 % 256) as f32 / 255.0).collect();
        let mut adversarial = original.clone();
        adversarial[0] = 8.0 / 255.0;
        Example { image: 3, label: 0, class: 1, attack: "fgsm", distance: 8.0 / 255.0, original, adversarial }
    }

    #[test]
    fn tiles_are_the_image_the_perturbation_and_their_sum() {
        for shape in [[3, 6, 5], [1, 6, 5], [3, 100, 120]] {
            let [c, h, w] = shape;
            let sheet = Sheet::draw(&[example(shape), example(shape)], shape);
            let scale = (96 / h.max(w)).max(1);
            assert_eq!((sheet.width, sheet.height), (3 * (scale * w + 4) + 4, 2 * (scale * h + 4) + 4));
            assert_eq!(sheet.rgb.len(), 3 * sheet.width * sheet.height);
            let at = |row: usize, column: usize, y: usize, x: usize| {
                let (top, left) = (4 + row * (scale * h + 4), 4 + column * (scale * w + 4));
                &sheet.rgb[3 * ((top + scale * y) * sheet.width + left + scale * x)..][..3]
            };
            for (y, x) in (0..h).flat_map(|y| (0..w).map(move |x| (y, x))) {
                let value = |channel: usize| ((((channel % c) * h + y) * w + x) * 7 % 256) as u8;
                let own = [0, 1, 2].map(value);
                let first = (y, x) == (0, 0);
                for row in 0..2 {
                    assert_eq!(at(row, 0, y, x), own);
                    assert_eq!(
                        at(row, 2, y, x)[1..],
                        if first && c == 1 { [8, 8] } else { [own[1], own[2]] }
                    );
                    assert_eq!(at(row, 1, y, x)[0], if first { 255 } else { 128 });
                }
            }
            assert_eq!(at(0, 2, 0, 0)[0], 8);
        }
    }

    #[test]
    fn the_file_says_its_size() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sheet.png");
        write(&path, &[example([3, 8, 8])], [3, 8, 8], &["dark".into()]).unwrap();
        let file = std::fs::read(&path).unwrap();
        assert_eq!(file[..8], *b"\x89PNG\r\n\x1a\n");
        let number = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
        assert_eq!((number(16), number(20)), (3 * 100 + 4, 100 + 4));
        let none = dir.path().join("none.png");
        write(&none, &[], [3, 8, 8], &[]).unwrap();
        assert!(!none.exists());
    }
}
