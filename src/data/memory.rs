//! A data set held in memory: what the loader of compressed files returns.

use super::{DataError, Dataset, Shape, check_read};

/// Labels and images of one split.
#[derive(Debug)]
pub(super) struct Memory {
    pub name: &'static str,
    pub spec: String,
    pub shape: Shape,
    pub classes: Vec<String>,
    pub mirror_keeps_class: bool,
    /// One label an image, each below `classes.len()`.
    pub labels: Vec<u8>,
    /// `labels.len()` images of `shape.bytes()` bytes, channel-height-width.
    pub images: Vec<u8>,
}

impl Dataset for Memory {
    fn name(&self) -> &str {
        self.name
    }

    fn spec(&self) -> String {
        self.spec.clone()
    }

    fn shape(&self) -> Shape {
        self.shape
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn len(&self) -> usize {
        self.labels.len()
    }

    fn mirror_keeps_class(&self) -> bool {
        self.mirror_keeps_class
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        check_read(index, self.len(), self.shape, chw.len())?;
        let bytes = self.shape.bytes();
        chw.copy_from_slice(&self.images[index * bytes..(index + 1) * bytes]);
        Ok(usize::from(self.labels[index]))
    }
}
