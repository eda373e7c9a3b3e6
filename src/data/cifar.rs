//! CIFAR-10 and CIFAR-100 in their binary version: records of one label byte (CIFAR-100: coarse, then fine) and 3072
//! bytes, a red, a green and a blue plane of 32 rows (Krizhevsky, "Learning Multiple Layers of Features from Tiny
//! Images", 2009). Files may hold any whole number of records. The form of CIFAR-10, one label byte and the planes, also
//! serves for images that were made from those of any other data set.

use std::fs::{self, File};
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{DataError, Dataset, Shape, Split, check_read};

const SHAPE: Shape = Shape { channels: 3, height: 32, width: 32 };
const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// CIFAR-10: `path` is one file of records, or a folder with `data_batch_*.bin` and `test_batch.bin`.
pub(super) fn cifar10(path: &Path, split: Split) -> Result<Records, DataError> {
    let files = match split {
        _ if path.is_file() => vec![path.to_owned()],
        Split::Train => train_batches(path)?,
        Split::Test => vec![path.join("test_batch.bin")],
    };
    let classes = CIFAR10_CLASSES.map(str::to_owned).to_vec();
    load(Form { name: "cifar10", label_bytes: 1, shape: SHAPE, classes }, path, &files)
}

/// CIFAR-100 with fine labels: `path` is one file of records, or a folder with `train.bin` and `test.bin`. Class names
/// come from `fine_label_names.txt` beside the records; without that file a class is named by its number.
pub(super) fn cifar100(path: &Path, split: Split) -> Result<Records, DataError> {
    let file = match split {
        _ if path.is_file() => path.to_owned(),
        Split::Train => path.join("train.bin"),
        Split::Test => path.join("test.bin"),
    };
    let classes = fine_names(&file.with_file_name("fine_label_names.txt"))?;
    load(Form { name: "cifar100", label_bytes: 2, shape: SHAPE, classes }, path, &[file])
}

/// One file of records of one label byte and an image, with the shape and the classes of another data set.
pub(super) fn records_like(path: &Path, other: &dyn Dataset) -> Result<Records, DataError> {
    let (shape, classes) = (other.shape(), other.classes().to_vec());
    load(Form { name: "records", label_bytes: 1, shape, classes }, path, &[path.to_owned()])
}

#[derive(Debug)]
struct Form {
    name: &'static str,
    /// Bytes before the image; the last of them is the label.
    label_bytes: usize,
    shape: Shape,
    classes: Vec<String>,
}

impl Form {
    fn record(&self) -> usize {
        self.label_bytes + self.shape.bytes()
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

fn load(form: Form, path: &Path, files: &[PathBuf]) -> Result<Records, DataError> {
    let files = files.iter().map(|file| RecordFile::open(&form, file)).collect::<Result<_, _>>()?;
    let spec = format!("{}:{}", form.name, path.display());
    Ok(Records { form, spec, files })
}

/// Files of records, read image by image: memory holds the labels alone.
#[derive(Debug)]
pub(super) struct Records {
    form: Form,
    spec: String,
    files: Vec<RecordFile>,
}

#[derive(Debug)]
struct RecordFile {
    path: PathBuf,
    file: Mutex<File>,
    /// One label a record, each below the number of classes.
    labels: Vec<u8>,
}

impl RecordFile {
    /// Reads the labels of a file whose size is a positive multiple of the record size.
    fn open(form: &Form, path: &Path) -> Result<Self, DataError> {
        let record = form.record();
        let missing = |source| DataError::Missing {
            path: path.to_owned(),
            expected: format!(
                "a whole number of {record}-byte records (10000 records = {} bytes), the data set's binary version",
                10_000 * record
            ),
            source,
        };
        let file = File::open(path).map_err(missing)?;
        let found = file.metadata().map_err(missing)?.len();
        if found == 0 || !found.is_multiple_of(record as u64) {
            let records = found / record as u64 + 1;
            return Err(DataError::Size {
                path: path.to_owned(),
                expected: format!(
                    "a whole number of {record}-byte records ({} bytes for {records})",
                    records * record as u64
                ),
                found,
            });
        }
        let mut reader = BufReader::new(&file);
        let mut bytes = vec![0; record];
        let mut labels = Vec::new();
        for index in 0..found / record as u64 {
            let cannot = |source| DataError::Read { path: path.to_owned(), source };
            reader.read_exact(&mut bytes).map_err(cannot)?;
            let label = bytes[form.label_bytes - 1];
            let classes = form.classes.len();
            if usize::from(label) >= classes {
                let path = path.to_owned();
                return Err(DataError::Label { path, record: index as usize, classes, found: label });
            }
            labels.push(label);
        }
        Ok(Self { path: path.to_owned(), file: Mutex::new(file), labels })
    }

    fn read(&self, form: &Form, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let start = (index * form.record() + form.label_bytes) as u64;
        // A reader that panicked left a position behind, which is set anew here.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(chw))
            .map_err(|source| DataError::Read { path: self.path.clone(), source })?;
        Ok(usize::from(self.labels[index]))
    }
}

impl Dataset for Records {
    fn name(&self) -> &str {
        self.form.name
    }

    fn spec(&self) -> String {
        self.spec.clone()
    }

    fn shape(&self) -> Shape {
        self.form.shape
    }

    fn classes(&self) -> &[String] {
        &self.form.classes
    }

    fn len(&self) -> usize {
        self.files.iter().map(|file| file.labels.len()).sum()
    }

    fn mirror_keeps_class(&self) -> bool {
        self.form.name != "records"
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        check_read(index, self.len(), self.form.shape, chw.len())?;
        let mut at = index;
        for file in &self.files {
            if at < file.labels.len() {
                return file.read(&self.form, at, chw);
            }
            at -= file.labels.len();
        }
        Err(DataError::Index { index, len: self.len() })
    }
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
