//! A tiny data set for tests.

use ringfence::data::{DataError, Dataset, Shape};
use std::sync::LazyLock;

/// 24 images of 3x8x8 in three classes that differ in brightness.
#[derive(Debug, Clone, Copy)]
pub struct Toy;

static CLASSES: LazyLock<Vec<String>> =
    LazyLock::new(|| ["dark", "grey", "light"].map(String::from).to_vec());

impl Dataset for Toy {
    fn name(&self) -> &str {
        "toy"
    }

    fn spec(&self) -> String {
        "toy".into()
    }

    fn shape(&self) -> Shape {
        Shape { channels: 3, height: 8, width: 8 }
    }

    fn classes(&self) -> &[String] {
        &CLASSES
    }

    fn len(&self) -> usize {
        24
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let label = index % 3;
        for (i, byte) in chw.iter_mut().enumerate() {
            *byte = (label * 80 + (index * 31 + i * 17) % 70) as u8;
        }
        Ok(label)
    }
}
