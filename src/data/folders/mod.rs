//! Data sets of picture files in folders: each file is decoded when it is read.

mod celeba;
mod imagenet;
mod picture;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::{Path, PathBuf};

use super::{DataError, Dataset, Shape, Split, check_read};
use picture::Frame;

/// CelebA: `path` is a folder with `list_attr_celeba.txt`, `list_eval_partition.txt` and `img_align_celeba`.
pub(super) fn celeba(path: &Path, split: Split) -> Result<Folder, DataError> {
    celeba::open(path, split)
}

/// `ImageNet`: `path` is a folder with `train/CLASS/PICTURE` and `val/CLASS/PICTURE`.
pub(super) fn imagenet(path: &Path, split: Split) -> Result<Folder, DataError> {
    imagenet::open(path, split)
}

/// The files in a folder of pictures, in order.
pub(super) fn pictures(path: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(imagenet::names(path, false)?.into_iter().map(|name| path.join(name)).collect())
}

/// A picture file, stretched to `side` x `side` pixels whatever its shape, into `chw`.
pub(super) fn stretched(path: &Path, side: usize, chw: &mut [u8]) -> Result<(), DataError> {
    picture::stretched(path, side, chw)
}

/// Picture files with their labels.
pub(super) struct Folder {
    name: &'static str,
    root: PathBuf,
    classes: Vec<String>,
    frame: Frame,
    /// Where each picture lies below the pictures' folder, and its class.
    files: Vec<(String, usize)>,
    pictures: PathBuf,
}

impl Dataset for Folder {
    fn name(&self) -> &str {
        self.name
    }

    fn spec(&self) -> String {
        format!("{}:{}", self.name, self.root.display())
    }

    fn shape(&self) -> Shape {
        self.frame.shape()
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn len(&self) -> usize {
        self.files.len()
    }

    fn mirror_keeps_class(&self) -> bool {
        true
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        check_read(index, self.len(), self.shape(), chw.len())?;
        let (name, label) = &self.files[index];
        self.frame.read(&self.pictures.join(name), chw)?;
        Ok(*label)
    }
}

/// The text of a file of a data set; `expected` says what it should hold.
fn text(path: &Path, expected: &str) -> Result<String, DataError> {
    fs::read_to_string(path).map_err(|source| missing(path, expected, source))
}

fn missing(path: &Path, expected: &str, source: std::io::Error) -> DataError {
    DataError::Missing { path: path.to_owned(), expected: expected.to_owned(), source }
}

/// A line that is not what it should be.
fn line(path: &Path, number: usize, expected: String) -> DataError {
    DataError::Line { path: path.to_owned(), line: number + 1, expected }
}
