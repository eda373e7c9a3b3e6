//! Draws the first pictures of every class of a data set into one PNG, a column a class:
//!
//! ```text
//! cargo run --release --example contact_sheet -- signs docs/images/signs.png
//! ```

use std::fs::File;
use std::process::ExitCode;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage};
use ringfence::data::{self, Split};

/// Pictures of each class.
const PICTURES: usize = 5;
/// Every pixel becomes a square of this side.
const SCALE: usize = 2;
const GAP: usize = 2;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [spec, file] = args.as_slice() else {
        eprintln!("usage: contact_sheet SPEC FILE.png");
        return ExitCode::from(2);
    };
    match draw(spec, file) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn draw(spec: &str, file: &str) -> Result<(), Box<dyn std::error::Error>> {
    let data = data::open(spec, Split::Train)?;
    let (shape, classes) = (data.shape(), data.classes().len());
    let (cell_w, cell_h) = (shape.width * SCALE + GAP, shape.height * SCALE + GAP);
    let mut sheet =
        RgbImage::from_pixel((classes * cell_w) as u32, (PICTURES * cell_h) as u32, Rgb([255; 3]));
    let mut filled = vec![0; classes];
    let mut chw = vec![0; shape.bytes()];
    for index in 0..data.len() {
        let label = data.read(index, &mut chw)?;
        if filled[label] < PICTURES {
            let (x, y) = (label * cell_w, filled[label] * cell_h);
            for (i, pixel) in picture(&chw, shape).enumerate() {
                let (row, column) = (i / shape.width * SCALE, i % shape.width * SCALE);
                for offset in 0..SCALE * SCALE {
                    let (dy, dx) = (offset / SCALE, offset % SCALE);
                    sheet.put_pixel((x + column + dx) as u32, (y + row + dy) as u32, pixel);
                }
            }
            filled[label] += 1;
        }
        if filled.iter().all(|&count| count == PICTURES) {
            break;
        }
    }
    let encoder =
        PngEncoder::new_with_quality(File::create(file)?, CompressionType::Best, FilterType::Adaptive);
    Ok(sheet.write_with_encoder(encoder)?)
}

/// Pixels of an image in row order; a grey plane serves as all three colours.
fn picture(chw: &[u8], shape: data::Shape) -> impl Iterator<Item = Rgb<u8>> {
    let plane = shape.height * shape.width;
    let colour = move |c: usize| (c % shape.channels) * plane;
    (0..plane).map(move |i| Rgb([chw[colour(0) + i], chw[colour(1) + i], chw[colour(2) + i]]))
}
