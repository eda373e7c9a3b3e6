//! Loaders on made-up files: what is read, and what is said about files that are not right.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use ringfence::data::{self, Dataset, Split};
use tempfile::tempdir;

fn image_byte(record: usize, i: usize) -> u8 {
    (record * 31 + i * 7) as u8
}

/// Records of CIFAR files: the label bytes, then 3072 bytes.
fn records(labels: &[&[u8]], first: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (i, label) in labels.iter().enumerate() {
        bytes.extend_from_slice(label);
        bytes.extend((0..3072).map(|j| image_byte(first + i, j)));
    }
    bytes
}

fn spec(kind: &str, path: &Path) -> String {
    format!("{kind}:{}", path.display())
}

fn error_of(spec: &str, split: Split) -> String {
    data::open(spec, split).err().unwrap().to_string()
}

fn check_images(data: &dyn Dataset, labels: &[usize]) {
    assert_eq!(data.len(), labels.len());
    let mut chw = vec![0; data.shape().bytes()];
    for (i, &label) in labels.iter().enumerate() {
        assert_eq!(data.read(i, &mut chw).unwrap(), label);
        assert!(chw.iter().enumerate().all(|(j, &byte)| byte == image_byte(i, j)));
    }
}

#[test]
fn cifar10_reads_all_batches_in_order() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("data_batch_2.bin"), records(&[&[7]], 2)).unwrap();
    fs::write(folder.path().join("data_batch_1.bin"), records(&[&[3], &[9]], 0)).unwrap();
    fs::write(folder.path().join("test_batch.bin"), records(&[&[1]], 0)).unwrap();
    let spec = spec("cifar10", folder.path());
    let train = data::open(&spec, Split::Train).unwrap();
    check_images(train.as_ref(), &[3, 9, 7]);
    check_images(data::open(&spec, Split::Test).unwrap().as_ref(), &[1]);
    assert_eq!(train.classes()[3], "cat");
    assert_eq!((train.name(), train.spec()), ("cifar10", spec));
    assert!(train.mirror_keeps_class());
}

#[test]
fn one_file_serves_both_splits() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("some.bin");
    fs::write(&file, records(&[&[4], &[0]], 0)).unwrap();
    for split in [Split::Train, Split::Test] {
        check_images(data::open(&spec("cifar10", &file), split).unwrap().as_ref(), &[4, 0]);
    }
}

#[test]
fn cifar_errors_name_path_and_sizes() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("test_batch.bin");
    let spec = spec("cifar10", folder.path());

    let missing = error_of(&spec, Split::Test);
    assert!(missing.starts_with(&file.display().to_string()), "{missing}");
    assert!(missing.contains("3073-byte records") && missing.contains("30730000 bytes"), "{missing}");
    let missing = error_of(&spec, Split::Train);
    assert!(missing.contains("data_batch_1.bin"), "{missing}");

    fs::write(&file, &records(&[&[4], &[0]], 0)[..5000]).unwrap();
    assert_eq!(
        error_of(&spec, Split::Test),
        format!(
            "{}: expected a whole number of 3073-byte records (6146 bytes for 2), found 5000 bytes",
            file.display()
        )
    );
    fs::write(&file, []).unwrap();
    assert!(error_of(&spec, Split::Test).ends_with("found 0 bytes"));

    fs::write(&file, records(&[&[4], &[10]], 0)).unwrap();
    assert_eq!(
        error_of(&spec, Split::Test),
        format!("{}: record 1: expected a label below 10, found 10", file.display())
    );
}

#[test]
fn cifar100_takes_fine_labels_and_their_names() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("train.bin"), records(&[&[3, 99]], 0)).unwrap();
    fs::write(folder.path().join("test.bin"), records(&[&[19, 0], &[0, 42]], 0)).unwrap();
    let spec = spec("cifar100", folder.path());
    let test = data::open(&spec, Split::Test).unwrap();
    check_images(test.as_ref(), &[0, 42]);
    assert_eq!((test.classes().len(), test.classes()[42].as_str()), (100, "42"));

    let names: String = (0..100).map(|i| format!("thing {i}\n")).collect();
    let names_file = folder.path().join("fine_label_names.txt");
    fs::write(&names_file, &names).unwrap();
    assert_eq!(data::open(&spec, Split::Train).unwrap().classes()[99], "thing 99");
    fs::write(&names_file, "apple\n").unwrap();
    assert_eq!(
        error_of(&spec, Split::Train),
        format!("{}: class names: expected 100, found 1", names_file.display())
    );
}

fn gzip(path: &Path, bytes: &[u8]) {
    let mut encoder = GzEncoder::new(File::create(path).unwrap(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

/// An idx file of unsigned bytes.
fn idx(dimensions: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, dimensions.len() as u8];
    bytes.extend(dimensions.iter().flat_map(|extent| extent.to_be_bytes()));
    bytes.extend_from_slice(values);
    bytes
}

/// A folder with three test images of 28 x 28.
fn mnist_folder() -> tempfile::TempDir {
    let folder = tempdir().unwrap();
    let values: Vec<u8> = (0..3).flat_map(|i| (0..784).map(move |j| image_byte(i, j))).collect();
    gzip(&folder.path().join("t10k-images-idx3-ubyte.gz"), &idx(&[3, 28, 28], &values));
    gzip(&folder.path().join("t10k-labels-idx1-ubyte.gz"), &idx(&[3], &[5, 0, 9]));
    folder
}

#[test]
fn idx_files_are_read() {
    let folder = mnist_folder();
    for (kind, class) in [("mnist", "5"), ("fashion-mnist", "sandal")] {
        let test = data::open(&spec(kind, folder.path()), Split::Test).unwrap();
        assert_eq!(test.shape().to_string(), "1x28x28");
        assert_eq!((test.name(), test.classes()[5].as_str()), (kind, class));
        check_images(test.as_ref(), &[5, 0, 9]);
    }
}

#[test]
fn idx_errors_name_path_and_sizes() {
    let folder = mnist_folder();
    let spec = spec("mnist", folder.path());
    let images = folder.path().join("t10k-images-idx3-ubyte.gz");
    let labels = folder.path().join("t10k-labels-idx1-ubyte.gz");

    let missing = error_of(&spec, Split::Train);
    let path = folder.path().join("train-images-idx3-ubyte.gz").display().to_string();
    assert!(missing.starts_with(&path) && missing.contains("47040016 bytes"), "{missing}");

    gzip(&images, &idx(&[3, 28, 28], &[0; 2000]));
    assert_eq!(
        error_of(&spec, Split::Test),
        format!(
            "{}: expected 2368 bytes when unpacked (header 16, [3, 28, 28] values), found 2016 bytes",
            images.display()
        )
    );
    gzip(&images, &idx(&[3, 28, 28], &[0; 2353]));
    assert!(error_of(&spec, Split::Test).ends_with("found 2369 bytes"));
    gzip(&images, &[0, 0, 8]);
    assert!(error_of(&spec, Split::Test).ends_with("expected an idx header of 16 bytes, found 3 bytes"));
    gzip(&images, &idx(&[4, 28], &[0; 4 * 28]));
    assert!(error_of(&spec, Split::Test).contains("idx magic number: expected 2051, found 2050"));
    // A damaged header may promise anything; the promise is refused before memory is asked for.
    gzip(&images, &idx(&[u32::MAX, 28, u32::MAX], &[0; 100]));
    assert!(error_of(&spec, Split::Test).contains("image extent: expected 1 to 1024, found 4294967295"));
    gzip(&images, &idx(&[u32::MAX, 1024, 1024], &[0; 100]));
    assert!(error_of(&spec, Split::Test).ends_with("found 116 bytes"));

    gzip(&images, &idx(&[3, 28, 28], &[0; 3 * 784]));
    gzip(&labels, &idx(&[2], &[5, 0]));
    assert!(error_of(&spec, Split::Test).contains("number of labels: expected 3 as in"));
    gzip(&labels, &idx(&[3], &[5, 11, 0]));
    assert!(error_of(&spec, Split::Test).ends_with("record 1: expected a label below 10, found 11"));
}

#[test]
fn cut_or_foreign_gzip_is_an_error() {
    let folder = mnist_folder();
    let spec = spec("mnist", folder.path());
    let images = folder.path().join("t10k-images-idx3-ubyte.gz");
    let whole = fs::read(&images).unwrap();
    for len in [0, 5, 20, whole.len() / 2, whole.len() - 4] {
        fs::write(&images, &whole[..len]).unwrap();
        let message = error_of(&spec, Split::Test);
        assert!(message.starts_with(&images.display().to_string()), "{len}: {message}");
    }
    fs::write(&images, b"plain text").unwrap();
    assert!(error_of(&spec, Split::Test).ends_with("cannot be read"));
}

#[test]
fn unknown_specs_are_answered_with_the_known_ones() {
    for wrong in
        ["", "cifar10", "cifar10:", "svhn:/data", "signs:32", "signs-scene:big", "bg:64", "bg:x:signs"]
    {
        let message = error_of(wrong, Split::Test);
        assert!(
            message.contains(&format!("`{wrong}`")) && message.contains("signs, signs-scene:K"),
            "{message}"
        );
    }
    assert!("validation".parse::<Split>().is_err());
}
