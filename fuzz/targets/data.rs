//! Any files give a data set or an error that has words, and every image of a data set can be read.
//!
//! Byte 0 chooses the loader and how the rest becomes files, bytes 1 and 2 where the rest is cut in two.
#![no_main]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use ringfence::data::{self, Split};

/// A folder in memory; one a process.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let base = if Path::new("/dev/shm").is_dir() { "/dev/shm".into() } else { std::env::temp_dir() };
    let folder = base.join(format!("ringfence-fuzz-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the files");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let Some((&[how, low, high], rest)) = bytes.split_first_chunk::<3>() else { return };
    let cut = usize::from(u16::from_le_bytes([low, high])).min(rest.len());
    let (first, second) = rest.split_at(cut);
    let whole_records = |record: usize| {
        let mut file = rest.to_vec();
        if how & 0x80 != 0 {
            file.resize(file.len().next_multiple_of(record), 0);
        }
        file
    };
    match how % 4 {
        0 => {
            write("test_batch.bin", &whole_records(3073));
            open("cifar10");
        }
        1 => {
            if how & 0x40 != 0 {
                write("fine_label_names.txt", first);
                write("test.bin", &[second, &[0; 3074]].concat()[..3074]);
            } else {
                let _ = fs::remove_file(FOLDER.join("fine_label_names.txt"));
                write("test.bin", &whole_records(3074));
            }
            open("cifar100");
        }
        kind => {
            let packed = |bytes: &[u8]| if how & 0x80 != 0 { bytes.to_vec() } else { gzip(bytes) };
            write("t10k-images-idx3-ubyte.gz", &packed(first));
            write("t10k-labels-idx1-ubyte.gz", &packed(second));
            open(if kind == 2 { "mnist" } else { "fashion-mnist" });
        }
    }
});

fn write(name: &str, bytes: &[u8]) {
    fs::write(FOLDER.join(name), bytes).expect("space for a file");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("memory")
}

fn open(kind: &str) {
    match data::open(&format!("{kind}:{}", FOLDER.display()), Split::Test) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(data) => {
            let mut chw = vec![0; data.shape().bytes()];
            assert!(!data.is_empty());
            for index in 0..data.len().min(64) {
                assert!(data.read(index, &mut chw).expect("an image") < data.classes().len());
            }
            assert!(data.read(data.len(), &mut chw).is_err());
            assert!(data.read(0, &mut chw[1..]).is_err());
        }
    }
}
