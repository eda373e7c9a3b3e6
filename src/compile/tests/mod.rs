#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod accuracy;
mod folding;
mod parts;
mod quantised;
mod structure;

use crate::data::{DataError, Dataset, Shape};

/// Random pictures of any shape: blocks of colour with some noise, so that neighbouring pixels are alike.
pub(super) struct Pictures {
    shape: Shape,
    classes: Vec<String>,
}

impl Pictures {
    pub(super) fn new([channels, height, width]: [usize; 3], classes: usize) -> Self {
        let classes = (0..classes).map(|class| format!("class {class}")).collect();
        Self { shape: Shape { channels, height, width }, classes }
    }
}

impl Dataset for Pictures {
    fn name(&self) -> &str {
        "pictures"
    }

    fn spec(&self) -> String {
        "pictures".into()
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn len(&self) -> usize {
        100
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let hash = |a: usize, b: usize| {
            let mixed = ((a as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b as u64)
                .wrapping_mul(0xD6E8_FEB8_6659_FD93);
            (mixed >> 33) as usize
        };
        let Shape { height, width, .. } = self.shape;
        for (i, pixel) in chw.iter_mut().enumerate() {
            let (c, y, x) = (i / (height * width), i / width % height, i % width);
            let block = hash(index * 8 + c, y / 3 * 64 + x / 3) % 224;
            *pixel = (block + hash(index, i) % 32) as u8;
        }
        Ok(index % self.classes.len())
    }
}
