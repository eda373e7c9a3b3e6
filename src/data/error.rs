//! What can be wrong with a data set.

use std::path::PathBuf;

use super::{SPECS, Shape};

/// Why a data set could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The spec names no known data set.
    #[error("data set `{found}` is not known: expected {SPECS}")]
    Spec {
        /// The spec as given.
        found: String,
    },
    /// A scene of a size that is not rendered.
    #[error("side {found}: a scene has {least} to {most} pixels")]
    Side {
        /// Rows and columns asked for.
        found: usize,
        /// The least.
        least: usize,
        /// The most.
        most: usize,
    },
    /// Pictures that cannot lie on a background.
    #[error("{name}: images of {shape} do not fit on a background of 3x{side}x{side}")]
    Background {
        /// The data set.
        name: String,
        /// Its images.
        shape: Shape,
        /// Rows and columns of the background.
        side: usize,
    },
    /// The split is neither of the two.
    #[error("split `{found}` is not known: expected train or test")]
    Split {
        /// The name as given.
        found: String,
    },
    /// A file is not there or cannot be opened.
    #[error("{}: expected {expected}, found no readable file", path.display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
        /// What it should hold, with its size.
        expected: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is there but has the wrong size.
    #[error("{}: expected {expected}, found {found} bytes", path.display())]
    Size {
        /// The file at fault.
        path: PathBuf,
        /// The expected size, with its reason.
        expected: String,
        /// Bytes found (after decompression where the file is compressed).
        found: u64,
    },
    /// A header field does not have the value the format asks for.
    #[error("{}: {field}: expected {expected}, found {found}", path.display())]
    Header {
        /// The file at fault.
        path: PathBuf,
        /// The field's name.
        field: &'static str,
        /// The value the format asks for.
        expected: String,
        /// The value in the file.
        found: u64,
    },
    /// A label is not the index of a class.
    #[error("{}: record {record}: expected a label below {classes}, found {found}", path.display())]
    Label {
        /// The file at fault.
        path: PathBuf,
        /// Index of the record in this file.
        record: usize,
        /// Number of classes.
        classes: usize,
        /// The label in the file.
        found: u8,
    },
    /// A file cannot be read to its end.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// The file at fault.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A picture that cannot be decoded or used.
    #[error("{}: {reason}", path.display())]
    Picture {
        /// The file or folder at fault.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A line of a text file that is not what it should be.
    #[error("{}: line {line}: expected {expected}", path.display())]
    Line {
        /// The file at fault.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What it should hold.
        expected: String,
    },
    /// An index past the last image.
    #[error("image {index} does not exist: the data set has {len} images")]
    Index {
        /// The index asked for.
        index: usize,
        /// Number of images.
        len: usize,
    },
    /// A buffer of the wrong size.
    #[error("image buffer: expected {expected} bytes, found {found}")]
    Buffer {
        /// Bytes of one image.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The rasteriser refused an outline or a canvas; a defect of the catalogue, not of any input.
    #[error("sign `{what}` cannot be drawn")]
    Drawing {
        /// The sign or step at fault.
        what: &'static str,
    },
}
