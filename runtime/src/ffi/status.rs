//! What a call answers.

use crate::format::FormatError;
use crate::smooth::{Error, ImageError};
use core::ffi::{CStr, c_char};

/// What a call answers. Anything but RINGFENCE_STATUS_OK means that no result was written, with the one exception that
/// `ringfence_model_parse` and `ringfence_run_begin` mark their struct as not usable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// A pointer is null.
    NullPointer = 1,
    /// A struct does not lie at a multiple of its alignment.
    Misaligned = 2,
    /// A length is larger than memory.
    Length = 3,
    /// The arena shares bytes with the image, the model or the run.
    Overlap = 4,
    /// No model was parsed into this struct.
    NotParsed = 5,
    /// No run was begun in this struct.
    NotBegun = 6,
    /// The model file ends too early.
    Truncated = 7,
    /// Bytes follow the model file.
    TrailingBytes = 8,
    /// Not a model file.
    Magic = 9,
    /// A format version that this library does not read.
    Version = 10,
    /// The model file was altered.
    Checksum = 11,
    /// A part of the model file contradicts the format.
    Malformed = 12,
    /// The image does not have the model's channels, height and width.
    ImageShape = 13,
    /// The image does not have as many bytes as its shape.
    ImageLength = 14,
    /// The arena does not hold a single sample, see `ringfence_arena_bytes`.
    ArenaTooSmall = 15,
    /// A number that stands for no layout, generator, vote or method.
    UnknownValue = 16,
    /// The library has no backend of this name, or this CPU cannot run it.
    Backend = 17,
    /// The model has no certificate table for exactly this budget.
    NoTable = 18,
    /// The method of the budget does not serve here.
    Method = 19,
    /// A vote of no samples.
    NoSamples = 20,
    /// The run has samples left to draw.
    Unfinished = 21,
    /// There is no class or table of this index.
    Index = 22,
    /// An internal contradiction; never seen for a parsed model.
    Internal = 23,
    /// A model of adaptive smoothing, which this interface does not run.
    Adaptive = 24,
}

/// All, by number.
const ALL: [Status; 25] = [
    Status::Ok,
    Status::NullPointer,
    Status::Misaligned,
    Status::Length,
    Status::Overlap,
    Status::NotParsed,
    Status::NotBegun,
    Status::Truncated,
    Status::TrailingBytes,
    Status::Magic,
    Status::Version,
    Status::Checksum,
    Status::Malformed,
    Status::ImageShape,
    Status::ImageLength,
    Status::ArenaTooSmall,
    Status::UnknownValue,
    Status::Backend,
    Status::NoTable,
    Status::Method,
    Status::NoSamples,
    Status::Unfinished,
    Status::Index,
    Status::Internal,
    Status::Adaptive,
];

impl Status {
    /// The status of a call that did what `work` does.
    pub(super) fn of(work: impl FnOnce() -> Result<(), Self>) -> Self {
        work().err().unwrap_or(Self::Ok)
    }

    fn message(self) -> &'static CStr {
        match self {
            Self::Ok => c"done",
            Self::NullPointer => c"a pointer is null",
            Self::Misaligned => c"a struct is misaligned",
            Self::Length => c"a length is larger than memory",
            Self::Overlap => c"the arena shares bytes with the image, the model or the run",
            Self::NotParsed => c"no model was parsed into this struct",
            Self::NotBegun => c"no run was begun in this struct",
            Self::Truncated => c"the model file ends too early",
            Self::TrailingBytes => c"bytes follow the model file",
            Self::Magic => c"not a ringfence model (wrong magic)",
            Self::Version => c"the version of the model format is not supported",
            Self::Checksum => c"the checksum of the model file does not match its content",
            Self::Malformed => c"a part of the model file contradicts the format",
            Self::ImageShape => c"the image does not have the model's channels, height and width",
            Self::ImageLength => c"the image does not have as many bytes as its shape",
            Self::ArenaTooSmall => c"the arena does not hold a single sample",
            Self::UnknownValue => c"a number stands for no layout, generator, vote or method",
            Self::Backend => c"no backend of this name, or this CPU cannot run it",
            Self::NoTable => c"the model has no certificate table for this budget",
            Self::Method => c"the method of the budget does not serve here",
            Self::NoSamples => c"a vote needs at least one sample",
            Self::Unfinished => c"the run has samples left to draw",
            Self::Index => c"there is no class or table of this index",
            Self::Internal => c"an internal contradiction",
            Self::Adaptive => c"a model of adaptive smoothing, which this interface does not run",
        }
    }
}

impl From<FormatError> for Status {
    fn from(error: FormatError) -> Self {
        match error {
            FormatError::Truncated { .. } => Self::Truncated,
            FormatError::TrailingBytes { .. } => Self::TrailingBytes,
            FormatError::BadMagic => Self::Magic,
            FormatError::UnsupportedVersion { .. } => Self::Version,
            FormatError::Checksum { .. } => Self::Checksum,
            _ => Self::Malformed,
        }
    }
}

impl From<ImageError> for Status {
    fn from(error: ImageError) -> Self {
        match error {
            ImageError::Shape { .. } => Self::ImageShape,
            ImageError::Length { .. } => Self::ImageLength,
        }
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        match error {
            Error::ArenaTooSmall { .. } => Self::ArenaTooSmall,
            Error::BackendUnavailable(_) => Self::Backend,
            Error::ImageShape { .. } => Self::ImageShape,
            Error::NoTable { .. } | Error::NoSequentialTable { .. } => Self::NoTable,
            Error::TableMethod { .. } | Error::TableNorm { .. } => Self::Method,
            Error::NoSamples => Self::NoSamples,
            Error::Unfinished { .. } => Self::Unfinished,
            Error::Conclude(_) | Error::Exec(_) => Self::Internal,
        }
    }
}

/// A status in words: a string of the library that ends with a zero byte and is never null, whatever the number.
#[unsafe(no_mangle)]
pub extern "C" fn ringfence_status_message(status: u32) -> *const c_char {
    let status = ALL.into_iter().find(|known| *known as u32 == status);
    status.map_or(c"unknown status", Status::message).as_ptr()
}

/// The version of the library, as "0.1.0": a string of the library that ends with a zero byte.
#[unsafe(no_mangle)]
pub extern "C" fn ringfence_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}
