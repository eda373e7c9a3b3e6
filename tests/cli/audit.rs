//! `audit`: certificates of a linear network, whose boundary is a plane, hold; the same with larger radii are refuted.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use ringfence::compile::{Options, compile};
use ringfence::data::{self, Split};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::{Ran, lines, network, ringfence};

/// Rows and columns of an image; few, so that random directions find the nearest one.
const SIDE: usize = 4;
const IMAGES: usize = 12;

/// A folder with a data set in the form of MNIST, and the linear network.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("linear-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for stem in ["train", "t10k"] {
            write_idx(&folder, stem);
        }
        let data = data::open(&spec(&folder), Split::Train).unwrap();
        let onnx = network::plane([1, SIDE, SIDE], 10, &normal());
        let options = Options { images: IMAGES, ..Options::new(0.25) };
        fs::write(folder.join("linear.rfm"), compile(&onnx, "linear", data.as_ref(), &options).unwrap())
            .unwrap();
        folder
    })
}

fn spec(folder: &Path) -> String {
    format!("mnist:{}", folder.display())
}

/// Unit normal of the plane between classes 0 and 1.
fn normal() -> Vec<f32> {
    let values: Vec<f32> = (0..SIDE * SIDE).map(|i| ((i * 7 % 11) as f32 - 5.0) / 5.0).collect();
    let norm = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    values.iter().map(|v| v / norm).collect()
}

/// Grey images moved along the normal to both sides of the plane by 0.15 to 0.35 pixel, labelled by their side.
fn write_idx(folder: &Path, stem: &str) {
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for index in 0..IMAGES {
        let distance = 0.15 + 0.2 * (index / 2) as f32 / (IMAGES / 2) as f32;
        let side = if index % 2 == 0 { -1.0 } else { 1.0 };
        pixels.extend(normal().iter().map(|n| (128.0 + 255.0 * side * distance * n).round() as u8));
        labels.push((index % 2) as u8);
    }
    let idx = |dimensions: &[u32], values: &[u8]| {
        let head = (0x800 + dimensions.len() as u32).to_be_bytes();
        let dimensions = dimensions.iter().flat_map(|extent| extent.to_be_bytes());
        head.into_iter().chain(dimensions).chain(values.iter().copied()).collect::<Vec<u8>>()
    };
    let gzip = |name: &str, bytes: &[u8]| {
        let file = fs::File::create(folder.join(name)).unwrap();
        let mut encoder = GzEncoder::new(file, Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap();
    };
    let images = idx(&[IMAGES as u32, SIDE as u32, SIDE as u32], &pixels);
    gzip(&format!("{stem}-images-idx3-ubyte.gz"), &images);
    gzip(&format!("{stem}-labels-idx1-ubyte.gz"), &idx(&[IMAGES as u32], &labels));
}

/// Tight certificates, so many votes that the radius is nearly the distance of the plane, and a patient attacker.
const TIGHT: [&str; 6] = ["--n", "20000", "--queries", "400", "--votes", "100"];
const QUICK: [&str; 6] = ["--n", "1000", "--queries", "60", "--votes", "50"];

fn audit(effort: [&str; 6], more: &[&str]) -> Ran {
    let model = folder().join("linear.rfm");
    let data = spec(folder());
    let run = ["audit", model.to_str().unwrap(), "--data", &data, "--seed", "a0d17"];
    ringfence(&[&run[..], &effort, more].concat())
}

fn summary(text: &str) -> Value {
    lines(text).pop().unwrap()["summary"].clone()
}

#[test]
fn true_certificates_hold_and_inflated_ones_are_refuted() {
    let sound = summary(&audit(TIGHT, &["--json"]).ok());
    assert_eq!((&sound["certificates"], &sound["violations"]), (&json!(IMAGES), &json!(0)), "{sound}");
    assert_eq!((&sound["holds"], &sound["rejects_at"]), (&json!(true), &json!(2)));

    let planted = audit(TIGHT, &["--json", "--inflate-radius", "1.2"]);
    assert_eq!(planted.code, 1);
    assert!(planted.stderr.contains("certificates are violated, alpha = 0.001 allows fewer than 2"));
    let found = summary(&planted.stdout)["violations"].as_u64().unwrap();
    assert!(found >= IMAGES as u64 / 2, "{found}");
    let table = table_of(&planted.stdout);
    assert_eq!(table.len(), IMAGES);
    for row in table.iter().filter(|row| row["result"] == json!("violated")) {
        let other = 1 - row["class"].as_u64().unwrap() as usize;
        let counts: Vec<u64> = serde_json::from_value(row["confirmed"].clone()).unwrap();
        assert!(counts[other] > counts[1 - other], "{row}");
        assert_eq!(row["candidate"].as_str().unwrap().len(), 2 * SIDE * SIDE);
        assert!(row["worst_distance"].as_f64().unwrap() <= 1.0);
    }
}

fn table_of(text: &str) -> Vec<Value> {
    let mut rows = lines(text);
    rows.pop();
    rows.sort_by_key(|row| row["idx"].as_u64());
    rows
}

#[test]
fn rows_do_not_depend_on_threads_and_a_file_goes_on() {
    let whole =
        table_of(&audit(QUICK, &["--json", "--max", "6", "--threads", "1", "--backend", "scalar"]).ok());
    assert_eq!(table_of(&audit(QUICK, &["--json", "--max", "6", "--threads", "3"]).ok()), whole);

    let folder = tempdir().unwrap();
    let out = folder.path().join("audit.jsonl").to_str().unwrap().to_owned();
    audit(QUICK, &["--max", "3", "--out", &out]).ok();
    let text = fs::read_to_string(&out).unwrap();
    // Torn in the summary, then in the last row.
    for cut in [text.len() - 5, text.trim_end().rfind('\n').unwrap() - 9] {
        fs::write(&out, &text.as_bytes()[..cut]).unwrap();
        let shown = audit(QUICK, &["--max", "6", "--out", &out, "--resume"]).ok();
        assert!(shown.contains("violated  0 of 6 certificates"), "{shown}");
        let mut rows = table_of(&fs::read_to_string(&out).unwrap());
        let settings = rows.iter().position(|row| row.get("settings").is_some()).unwrap();
        rows.remove(settings);
        assert_eq!(rows, whole);
    }
    let error = audit(QUICK, &["--max", "6", "--out", &out]).error(2);
    assert!(error.contains("--resume continues its run"), "{error}");
    let error = audit(QUICK, &["--max", "6", "--out", &out, "--resume", "--inflate-radius", "2"]).error(2);
    assert!(error.contains("another run was started here"), "{error}");
}
