//! Data sets: built in and on disk.
//!
//! A data set is named by a spec: `signs` and `signs-scene:K` (rendered, nothing to download), `bg:K:SPEC` (another one's pictures
//! on rendered backgrounds; `bg:K,DIR:SPEC`: on the pictures of a folder), or `KIND:PATH` with the original files of
//! CIFAR-10, CIFAR-100, MNIST, Fashion-MNIST, CelebA or ImageNet. Images are 8-bit, in channel-height-width order, on the pixel grid the
//! certificates are about; nothing is normalised here (the model file carries its input rule).
//!
//! ```
//! use ringfence::data::{self, Split};
//!
//! let signs = data::open("signs", Split::Test)?;
//! let mut pixels = vec![0; signs.shape().bytes()];
//! let label = signs.read(7, &mut pixels)?;
//! assert!(label < signs.classes().len());
//! assert!(data::open("nothing", Split::Test).is_err());
//! # Ok::<(), ringfence::data::DataError>(())
//! ```

mod backgrounds;
mod cifar;
mod composed;
mod error;
mod folders;
mod idx;
mod memory;
mod signs;

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use backgrounds::Backgrounds;
pub use error::DataError;
pub use signs::Signs;

/// The half of a data set an image is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For fitting and calibration.
    Train,
    /// For reporting only.
    Test,
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "train",
            Self::Test => "test",
        })
    }
}

impl FromStr for Split {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        match name {
            "train" => Ok(Self::Train),
            "test" => Ok(Self::Test),
            _ => Err(DataError::Split { found: name.to_owned() }),
        }
    }
}

/// Extent of every image of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Colour planes: 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Shape {
    /// Bytes of one image.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.channels * self.height * self.width
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// Labelled 8-bit images, addressed by index; the same index always gives the same image.
pub trait Dataset: Send + Sync {
    /// Short name without a path: `signs`, `cifar10`, ...
    fn name(&self) -> &str;

    /// The spec that opens this data set again.
    fn spec(&self) -> String;

    /// Extent of every image.
    fn shape(&self) -> Shape;

    /// Class names; a label is an index into them.
    fn classes(&self) -> &[String];

    /// Number of images.
    fn len(&self) -> usize;

    /// Whether there is no image at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether a left-right mirrored image still shows its class, so that training may flip images: true of photographs
    /// of things, false of digits and of signs that point somewhere.
    fn mirror_keeps_class(&self) -> bool {
        false
    }

    /// Writes image `index` to `chw` and returns its label.
    ///
    /// # Errors
    /// [`DataError::Index`] past the end; [`DataError::Buffer`] unless `chw` holds exactly [`Shape::bytes`] bytes.
    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError>;

    /// Where the object of image `index` is; none where the data set does not know.
    ///
    /// # Errors
    /// [`DataError::Index`] past the end.
    fn object(&self, index: usize) -> Result<Option<Region>, DataError> {
        check_index(index, self.len())?;
        Ok(None)
    }
}

/// Where in an image the object of its class is: a rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First row.
    pub top: usize,
    /// First column.
    pub left: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Region {
    /// Whether the pixel of row `y` and column `x` belongs to it.
    #[must_use]
    pub fn contains(&self, y: usize, x: usize) -> bool {
        (self.top..self.top + self.height).contains(&y) && (self.left..self.left + self.width).contains(&x)
    }
}

/// The forms of spec that [`open`] understands, for help texts and errors.
pub const SPECS: &str = "signs, signs-scene:K (K from 32 to 96), bg:K:SPEC or bg:K,DIR:SPEC (on backgrounds), cifar10:DIR_OR_FILE, cifar100:DIR_OR_FILE, mnist:DIR, fashion-mnist:DIR, celeba:DIR or imagenet:DIR";

/// Opens the data set that `spec` names.
///
/// # Errors
/// [`DataError::Spec`] for an unknown form; otherwise the file at fault with the expected and the found size.
pub fn open(spec: &str, split: Split) -> Result<Box<dyn Dataset>, DataError> {
    if spec == "signs" {
        return Ok(Box::new(Signs::new(split)?));
    }
    let (kind, rest) = match spec.split_once(':') {
        Some((kind, rest)) if !rest.is_empty() => (kind, rest),
        _ => return Err(DataError::Spec { found: spec.to_owned() }),
    };
    let path = Path::new(rest);
    Ok(match kind {
        "cifar10" => Box::new(cifar::cifar10(path, split)?),
        "cifar100" => Box::new(cifar::cifar100(path, split)?),
        "signs-scene" => Box::new(Signs::scenes(split, side(spec, rest)?)?),
        "bg" => {
            let unknown = || DataError::Spec { found: spec.to_owned() };
            let (k, inner) = rest.split_once(':').ok_or_else(unknown)?;
            let (k, backgrounds) = match k.split_once(',') {
                Some((k, folder)) => (k, Backgrounds::of_folder(Path::new(folder), split)?),
                None => (k, Backgrounds::Rendered),
            };
            Box::new(composed::Composed::new(open(inner, split)?, side(spec, k)?, backgrounds, split)?)
        }
        "celeba" => Box::new(folders::celeba(path, split)?),
        "imagenet" => Box::new(folders::imagenet(path, split)?),
        "mnist" | "fashion-mnist" => Box::new(idx::open(kind, path, split)?),
        _ => return Err(DataError::Spec { found: spec.to_owned() }),
    })
}

/// Opens a file of images that were made from those of `other`, by an attack for example: records of one label byte and
/// the image, channel-height-width. For CIFAR-10 that is the form of its own files.
///
/// # Errors
/// A file that is missing, not a whole number of records, or holds a label that is no class.
pub fn records_like(path: &Path, other: &dyn Dataset) -> Result<Box<dyn Dataset>, DataError> {
    Ok(Box::new(cifar::records_like(path, other)?))
}

/// The side of a picture in a spec.
fn side(spec: &str, text: &str) -> Result<usize, DataError> {
    text.parse().map_err(|_| DataError::Spec { found: spec.to_owned() })
}

fn check_index(index: usize, len: usize) -> Result<(), DataError> {
    if index < len { Ok(()) } else { Err(DataError::Index { index, len }) }
}

/// Checks the arguments of [`Dataset::read`].
fn check_read(index: usize, len: usize, shape: Shape, given: usize) -> Result<(), DataError> {
    check_index(index, len)?;
    if given != shape.bytes() {
        return Err(DataError::Buffer { expected: shape.bytes(), found: given });
    }
    Ok(())
}
