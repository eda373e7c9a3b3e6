//! The folder that the commands of a page run in: what a reader would have there.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use ringfence::data::{self, Split};
use tempfile::TempDir;

use super::root;
use crate::network;

/// Shipped files under the names that pages give to the reader's own.
const STAND_INS: &[(&str, &str)] = &[
    ("cifar10-resnet20-s025.rfm", "model.rfm"),
    ("cifar10-resnet20-s025.onnx", "net.onnx"),
    ("cifar10-resnet20-s025.rfm", "net.rfm"),
    // What `ringfence-trainer export` would have written.
    ("cifar10-resnet20-s025.onnx", "r20.onnx"),
];

/// Folders of data in the form of CIFAR-10, of a few images: what `DIR` stands for, and what the archive holds.
const CIFAR: [&str; 2] = ["DIR", "cifar-10-batches-bin"];
const TEST_IMAGES: usize = 4;
const TRAINING_IMAGES: usize = 16;

pub struct Workshop {
    folder: TempDir,
}

impl Workshop {
    pub fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let models = root().join("models");
        fs::create_dir(path.join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_ringfence"), path.join("bin/ringfence")).unwrap();
        std::os::unix::fs::symlink(&models, path.join("models")).unwrap();
        for (shipped, name) in STAND_INS {
            fs::copy(models.join(shipped), path.join(name)).unwrap();
        }
        for name in CIFAR {
            fs::create_dir(path.join(name)).unwrap();
            records(&path.join(name).join("test_batch.bin"), TEST_IMAGES);
            records(&path.join(name).join("data_batch_1.bin"), TRAINING_IMAGES);
        }
        picture(&path.join("sign.png"));
        adaptive(path);
        Self { folder }
    }

    /// Runs a line as a shell would; exit code and what was printed, errors last.
    pub fn run(&self, line: &str) -> (i32, String) {
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-c", line])
            .current_dir(self.folder.path())
            .env("PATH", format!("{}:{path}", self.folder.path().join("bin").display()))
            .env("HOME", self.folder.path())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
        (output.status.code().unwrap_or(-1), stdout + &stderr)
    }
}

/// Signs as if they were CIFAR-10's classes.
fn records(path: &Path, images: usize) {
    let signs = data::open("signs", Split::Test).unwrap();
    let mut bytes = Vec::new();
    for index in 0..images {
        let mut chw = vec![0; signs.shape().bytes()];
        let label = signs.read(index, &mut chw).unwrap();
        bytes.push((label % 10) as u8);
        bytes.extend(chw);
    }
    fs::write(path, bytes).unwrap();
}

/// A picture of a sign.
fn picture(path: &Path) {
    let signs = data::open("signs", Split::Test).unwrap();
    let shape = signs.shape();
    let mut chw = vec![0; shape.bytes()];
    signs.read(0, &mut chw).unwrap();
    let plane = shape.height * shape.width;
    let rgb: Vec<u8> = (0..plane).flat_map(|at| [chw[at], chw[plane + at], chw[2 * plane + at]]).collect();
    let picture = image::RgbImage::from_raw(shape.width as u32, shape.height as u32, rgb).unwrap();
    picture.save(path).unwrap();
}

/// The networks of adaptive smoothing that the chapter about it compiles.
fn adaptive(folder: &Path) {
    static CLASSIFIER: OnceLock<Vec<u8>> = OnceLock::new();
    let scenes = || data::open("signs-scene:64", Split::Train).unwrap();
    let classifier = CLASSIFIER.get_or_init(|| network::classifier(scenes().as_ref()));
    fs::write(folder.join("classifier.onnx"), classifier).unwrap();
    fs::write(folder.join("unet.onnx"), network::mask([3, 64, 64])).unwrap();
}
