//! MNIST and Fashion-MNIST: gzipped idx files (LeCun, Cortes, Burges; Xiao et al. 2017). An idx file is a big-endian
//! header (magic `0x0000_08DD` with DD dimensions of unsigned bytes, then one u32 a dimension) and the values.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::memory::Memory;
use super::{DataError, Shape, Split};

const FASHION_CLASSES: [&str; 10] =
    ["t-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"];

/// Opens the pair of files of one split in folder `path`; `kind` is `mnist` or `fashion-mnist`.
pub(super) fn open(kind: &str, path: &Path, split: Split) -> Result<Memory, DataError> {
    let (stem, images) = match split {
        Split::Train => ("train", 60_000),
        Split::Test => ("t10k", 10_000),
    };
    let image_path = path.join(format!("{stem}-images-idx3-ubyte.gz"));
    let label_path = path.join(format!("{stem}-labels-idx1-ubyte.gz"));
    let ([count, height, width], pixels) = read::<3>(&image_path, 16 + images * 784)?;
    let ([label_count], labels) = read::<1>(&label_path, 8 + images)?;
    if label_count != count {
        return Err(DataError::Header {
            path: label_path,
            field: "number of labels",
            expected: format!("{count} as in {}", image_path.display()),
            found: label_count as u64,
        });
    }
    if let Some(record) = labels.iter().position(|&label| label > 9) {
        return Err(DataError::Label { path: label_path, record, classes: 10, found: labels[record] });
    }
    let (name, classes): (_, Vec<String>) = match kind {
        "mnist" => ("mnist", (0..10).map(|digit| digit.to_string()).collect()),
        _ => ("fashion-mnist", FASHION_CLASSES.map(str::to_owned).to_vec()),
    };
    Ok(Memory {
        name,
        spec: format!("{name}:{}", path.display()),
        shape: Shape { channels: 1, height, width },
        classes,
        mirror_keeps_class: name == "fashion-mnist",
        labels,
        images: pixels,
    })
}

/// Dimensions and values of a gzipped idx file of unsigned bytes with `D` dimensions. `usual` is the unpacked size of
/// the published file, for the error about a missing one.
fn read<const D: usize>(path: &Path, usual: usize) -> Result<([usize; D], Vec<u8>), DataError> {
    let file = File::open(path).map_err(|source| DataError::Missing {
        path: path.to_owned(),
        expected: format!("a gzipped idx file ({usual} bytes when unpacked)"),
        source,
    })?;
    let mut stream = GzDecoder::new(file);
    let header_len = 4 + 4 * D;
    let header = take(&mut stream, path, header_len, &format!("an idx header of {header_len} bytes"))?;
    let field = |i: usize| u32::from_be_bytes([header[i], header[i + 1], header[i + 2], header[i + 3]]);
    let magic = 0x0800 + D as u32;
    if field(0) != magic {
        return Err(DataError::Header {
            path: path.to_owned(),
            field: "idx magic number",
            expected: magic.to_string(),
            found: u64::from(field(0)),
        });
    }
    let dimensions: [usize; D] = std::array::from_fn(|i| field(4 + 4 * i) as usize);
    let values = count_values(path, &dimensions)?;
    let expected =
        format!("{} bytes when unpacked (header {header_len}, {dimensions:?} values)", header_len + values);
    let bytes = take(&mut stream, path, values, &expected).map_err(|error| add_found(error, header_len))?;
    let rest = take_rest(&mut stream, path)?;
    if rest > 0 {
        let found = header_len as u64 + values as u64 + rest;
        return Err(DataError::Size { path: path.to_owned(), expected, found });
    }
    Ok((dimensions, bytes))
}

/// The product of the dimensions, which must be positive; images of more than 1024 rows or columns are not idx images
/// of the MNIST family but a damaged header.
fn count_values(path: &Path, dimensions: &[usize]) -> Result<usize, DataError> {
    let wrong = |field, expected: &str, found: usize| DataError::Header {
        path: path.to_owned(),
        field,
        expected: expected.to_owned(),
        found: found as u64,
    };
    if dimensions[0] == 0 {
        return Err(wrong("number of items", "at least 1", 0));
    }
    for &extent in &dimensions[1..] {
        if !(1..=1024).contains(&extent) {
            return Err(wrong("image extent", "1 to 1024", extent));
        }
    }
    dimensions
        .iter()
        .try_fold(1_usize, |product, &extent| product.checked_mul(extent))
        .ok_or_else(|| wrong("number of items", "a file that fits in memory", dimensions[0]))
}

/// Exactly `len` unpacked bytes. The buffer grows with the data that is really there, never with a header's promise.
fn take(stream: &mut impl Read, path: &Path, len: usize, expected: &str) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    let result = stream.by_ref().take(len as u64).read_to_end(&mut bytes);
    if bytes.len() == len {
        return Ok(bytes);
    }
    match result {
        Err(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => Err(read_error(path, source)),
        _ => Err(DataError::Size {
            path: path.to_owned(),
            expected: expected.to_owned(),
            found: bytes.len() as u64,
        }),
    }
}

/// Number of bytes left; reading to the end also checks the checksum at the end of the gzip stream.
fn take_rest(stream: &mut impl Read, path: &Path) -> Result<u64, DataError> {
    std::io::copy(stream, &mut std::io::sink()).map_err(|source| read_error(path, source))
}

fn read_error(path: &Path, source: std::io::Error) -> DataError {
    DataError::Read { path: PathBuf::from(path), source }
}

fn add_found(error: DataError, before: usize) -> DataError {
    match error {
        DataError::Size { path, expected, found } => {
            DataError::Size { path, expected, found: found + before as u64 }
        }
        other => other,
    }
}
