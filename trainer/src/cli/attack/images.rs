//! The attacked images as a file that `ringfence profile --attacked` reads: for each image its label, one byte, and its
//! pixels, 8 bits a value, channel by channel.

use crate::attacks::Example;
use crate::data::Images;
use crate::error::Error;
use crate::export::write_whole;
use std::path::Path;

/// Least share of a step by which a value counts as beyond a pixel's: the attack's own rounding.
const SLACK: f32 = 1e-3;

/// Writes all of `images`: what broke them where there is an example, else as they are.
pub fn write(file: &Path, images: &Images, examples: &[Example]) -> Result<(), Error> {
    let mut bytes = vec![];
    for (id, label) in (0..).zip(images.labels()) {
        let label = u8::try_from(*label).map_err(|_| {
            Error::Settings(format!("--images {}: label {label} does not fit a byte", file.display()))
        })?;
        bytes.push(label);
        match examples.iter().find(|e| e.image == id) {
            Some(e) => {
                bytes.extend(
                    e.adversarial.iter().zip(&e.original).map(|(v, o)| towards(255.0 * v, 255.0 * o)),
                );
            }
            None => bytes
                .extend(images.evaluation(&[id], 0.0, 0).pixels.iter().map(|o| (255.0 * o).round() as u8)),
        }
    }
    write_whole(file, &bytes)
}

/// A value as a whole number, rounded towards that of the original: rounding does not leave the ball.
fn towards(value: f32, original: f32) -> u8 {
    // The casts saturate at 0 and 255.
    if value >= original { (value + SLACK).floor() as u8 } else { (value - SLACK).ceil() as u8 }
}

#[cfg(test)]
mod tests {
    use super::towards;

    #[test]
    fn values_are_rounded_into_the_ball() {
        for (value, original, expected) in
            [(135.9999, 128.0, 136), (135.6, 128.0, 135), (120.0001, 128.0, 120), (120.4, 128.0, 121)]
        {
            assert_eq!(towards(value, original), expected, "{value} from {original}");
        }
        assert_eq!((towards(255.0, 250.0), towards(0.0, 3.0), towards(7.0, 7.0)), (255, 0, 7));
    }
}
