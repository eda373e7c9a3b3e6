//! CIFAR-10 and CIFAR-100 in their binary version: records of one label byte (CIFAR-100: coarse, then fine) and 3072
//! bytes, a red, a green and a blue plane of 32 rows (Krizhevsky, "Learning Multiple Layers of Features from Tiny
//! Images", 2009). Files may hold any whole number of records.

use std::fs;
use std::path::{Path, PathBuf};

use super::memory::Memory;
use super::{DataError, Shape, Split};

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// CIFAR-10: `path` is one file of records, or a folder with `data_batch_*.bin` and `test_batch.bin`.
pub(super) fn cifar10(path: &Path, split: Split) -> Result<Memory, DataError> {
    let files = match split {
        _ if path.is_file() => vec![path.to_owned()],
        Split::Train => train_batches(path)?,
        Split::Test => vec![path.join("test_batch.bin")],
    };
    let classes = CIFAR10_CLASSES.map(str::to_owned).to_vec();
    load(Form { name: "cifar10", label_bytes: 1, classes }, path, &files)
}

/// CIFAR-100 with fine labels: `path` is one file of records, or a folder with `train.bin` and `test.bin`. Class names
/// come from `fine_label_names.txt` beside the records; without that file a class is named by its number.
pub(super) fn cifar100(path: &Path, split: Split) -> Result<Memory, DataError> {
    let file = match split {
        _ if path.is_file() => path.to_owned(),
        Split::Train => path.join("train.bin"),
        Split::Test => path.join("test.bin"),
    };
    let classes = fine_names(&file.with_file_name("fine_label_names.txt"))?;
    load(Form { name: "cifar100", label_bytes: 2, classes }, path, &[file])
}

struct Form {
    name: &'static str,
    /// Bytes before the image; the last of them is the label.
    label_bytes: usize,
    classes: Vec<String>,
}

impl Form {
    fn record(&self) -> usize {
        self.label_bytes + SHAPE.bytes()
    }
}

/// The training files present in a folder, in the order of their names.
fn train_batches(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let missing = |source| DataError::Missing {
        path: folder.join("data_batch_1.bin"),
        expected:
            "data_batch_*.bin, each a whole number of 3073-byte records (10000 records = 30730000 bytes)"
                .to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(missing)? {
        let path = entry.map_err(missing)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with("data_batch_") && name.ends_with(".bin") {
            files.push(path);
        }
    }
    if files.is_empty() {
        return Err(missing(std::io::ErrorKind::NotFound.into()));
    }
    files.sort();
    Ok(files)
}

fn load(form: Form, path: &Path, files: &[PathBuf]) -> Result<Memory, DataError> {
    let mut labels = Vec::new();
    let mut images = Vec::new();
    for file in files {
        let bytes = read_records(&form, file)?;
        for (record, chunk) in bytes.chunks_exact(form.record()).enumerate() {
            let label = chunk[form.label_bytes - 1];
            if usize::from(label) >= form.classes.len() {
                return Err(DataError::Label {
                    path: file.clone(),
                    record,
                    classes: form.classes.len(),
                    found: label,
                });
            }
            labels.push(label);
            images.extend_from_slice(&chunk[form.label_bytes..]);
        }
    }
    Ok(Memory {
        name: form.name,
        spec: format!("{}:{}", form.name, path.display()),
        shape: SHAPE,
        classes: form.classes,
        mirror_keeps_class: true,
        labels,
        images,
    })
}

/// The whole file, whose size is a positive multiple of the record size.
fn read_records(form: &Form, file: &Path) -> Result<Vec<u8>, DataError> {
    let record = form.record();
    let bytes = fs::read(file).map_err(|source| DataError::Missing {
        path: file.to_owned(),
        expected: format!(
            "a whole number of {record}-byte records (10000 records = {} bytes)",
            10_000 * record
        ),
        source,
    })?;
    if bytes.is_empty() || bytes.len() % record != 0 {
        let records = bytes.len() / record + 1;
        return Err(DataError::Size {
            path: file.to_owned(),
            expected: format!(
                "a whole number of {record}-byte records ({} bytes for {records})",
                records * record
            ),
            found: bytes.len() as u64,
        });
    }
    Ok(bytes)
}

fn fine_names(path: &Path) -> Result<Vec<String>, DataError> {
    if !path.exists() {
        return Ok((0..100).map(|class| class.to_string()).collect());
    }
    let text =
        fs::read_to_string(path).map_err(|source| DataError::Read { path: path.to_owned(), source })?;
    let names: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if names.len() != 100 {
        return Err(DataError::Header {
            path: path.to_owned(),
            field: "class names",
            expected: "100".to_owned(),
            found: names.len() as u64,
        });
    }
    Ok(names)
}
