//! What is said, and with which exit code, when something is not right.

use std::fs;
use std::path::Path;

use ringfence::compile::Options;
use ringfence::data::{self, Split};
use tempfile::tempdir;

use crate::{certify, network, ringfence};

fn write(folder: &Path, name: &str, bytes: &[u8]) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn damaged_models_have_errors_of_their_own() {
    let folder = tempdir().unwrap();
    let good = network::bytes();
    let damaged = |at: usize, value: u8| {
        let mut bytes = good.to_vec();
        bytes[at] = value;
        bytes
    };
    for (name, bytes, expected) in [
        ("empty.rfm", Vec::new(), "truncated"),
        ("cut.rfm", good[..good.len() - 1].to_vec(), "truncated"),
        ("long.rfm", [good, &[0]].concat(), "trailing bytes"),
        ("magic.rfm", damaged(0, b'X'), "wrong magic"),
        ("version.rfm", damaged(8, 9), "format version 9 is not supported"),
        ("content.rfm", damaged(good.len() - 70, !good[good.len() - 70]), "checksum of the content"),
    ] {
        let path = write(folder.path(), name, &bytes);
        for verb in ["certify", "predict", "inspect"] {
            let error = ringfence(&[verb, &path]).error(2);
            assert!(error.starts_with(&format!("{path}: not a usable model: ")), "{error}");
            assert!(error.contains(expected), "{name}: {error}");
        }
    }
    let error = ringfence(&["certify", "/nowhere/model.rfm"]).error(2);
    assert!(error.starts_with("/nowhere/model.rfm: expected a model file"), "{error}");
}

#[test]
fn data_must_be_what_the_model_was_made_for() {
    let folder = tempdir().unwrap();
    let cifar = write(folder.path(), "test_batch.bin", &[0; 3073]);
    let error = certify(&["--data", &format!("cifar10:{cifar}")]).error(2);
    assert!(error.ends_with("10 classes, the model has 16; --data names another"), "{error}");
    let error = certify(&["--data", "cifar10:/nowhere"]).error(2);
    assert!(
        error.starts_with("/nowhere/test_batch.bin: expected a whole number of 3073-byte records"),
        "{error}"
    );
    let error = certify(&["--data", "squares"]).error(2);
    assert!(error.starts_with("data set `squares` is not known"), "{error}");
}

#[test]
fn classes_may_be_renamed_but_not_exchanged() {
    let folder = tempdir().unwrap();
    let names = data::open("signs", Split::Test).unwrap().classes().to_vec();
    let compiled = |classes| network::compiled(Options { images: 2, classes, ..Options::new(0.1) });
    let mut exchanged = names.clone();
    exchanged.swap(2, 9);
    let model = write(folder.path(), "exchanged.rfm", &compiled(exchanged));
    let error = ringfence(&["certify", &model, "--max", "1", "--n", "50"]).error(2);
    assert_eq!(error, "data set signs: label 2 is `priority road`, in the model it is `danger`");

    let mut renamed = names;
    renamed[3] = "do not enter".to_owned();
    let model = write(folder.path(), "renamed.rfm", &compiled(renamed));
    let ran = ringfence(&["certify", &model, "--max", "1", "--n", "50"]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        ran.stderr,
        "warning: data set signs: label 3 is `no entry`, in the model it is `do not enter`\n"
    );
    ringfence(&["certify", &model, "--max", "1", "--n", "50", "--quiet"]).ok();
}

#[test]
fn arguments_out_of_range_are_refused() {
    let model = network::model().to_str().unwrap();
    let error = ringfence(&["certify", model, "--seed", "xyz"]).error(2);
    assert_eq!(error, "--seed: expected 1 to 64 hexadecimal digits, found `xyz`");
    let error = certify(&["--max", "1", "--alpha", "0"]).error(2);
    assert!(error.starts_with("certificate table: alpha 0 is outside"), "{error}");
    let error = ringfence(&["certify", model, "--n", "5"]).error(2);
    assert!(error.contains("5 of 5 votes certify nothing at alpha 0.001"), "{error}");
    for (wrong, said) in [
        (&["--batch", "17"][..], "invalid value '17' for '--batch <B>': 17 is not in 1..=16"),
        (&["--threads", "0"], "invalid value '0' for '--threads <T>': 0 is not in 1.."),
        (&["--backend", "mmx"], "invalid value 'mmx' for '--backend <NAME>': expected one of scalar"),
        (&["--resume"], "the following required arguments were not provided: --out <FILE>"),
        (&["--split", "half"], "split `half` is not known: expected train or test"),
    ] {
        let error = certify(wrong).error(2);
        assert!(error.contains(said) && error.ends_with("; see --help"), "{error}");
    }
    let error = certify(&["--thread", "2"]).error(2);
    assert!(error.ends_with("a similar argument exists: '--threads'; see --help"), "{error}");
    assert_eq!(ringfence(&[]).error(2), "no verb is given; see --help");
    assert_eq!(ringfence(&["--version"]).ok(), concat!("ringfence ", env!("CARGO_PKG_VERSION"), "\n"));
}

#[test]
fn a_float_network_needs_images_to_compile() {
    let folder = tempdir().unwrap();
    let out = folder.path().join("out.rfm");
    let onnx = concat!(env!("CARGO_MANIFEST_DIR"), "/models/signs-resnet8-s025.onnx");
    let error = ringfence(&["compile", onnx, "--sigma", "0.25", "-o", out.to_str().unwrap()]).error(2);
    assert!(error.contains("layer stem.conv: the file gives no levels for its result stem.relu"), "{error}");
    assert!(error.contains("--calibrate") && !out.exists(), "{error}");
}

#[test]
fn a_network_in_place_of_a_model_is_told_what_to_do() {
    let error = ringfence(&["certify", "models/signs-resnet8-s025.onnx"]).error(2);
    assert!(error.contains("found an ONNX network; `ringfence compile` makes a model of it"), "{error}");
    let error = ringfence(&["certify", "signs-resnet8"]).error(2);
    assert!(error.contains("an embedded model (signs-resnet8-s025)"), "{error}");
}

#[test]
fn where_every_image_abstains_the_summary_asks_why() {
    // Image 5 alone; thirty votes would have to be unanimous.
    let folder = tempdir().unwrap();
    let out = folder.path().join("rows.tsv");
    let (model, out) = (network::model().to_str().unwrap(), out.to_str().unwrap());
    let few = ["certify", model, "--n0", "20", "--n", "30", "--alpha", "1e-9", "--seed", "5eed"];
    let one = ["--skip", "5", "--max", "2", "--shard", "2/2", "--out", out];
    let text = ringfence(&[&few[..], &one].concat()).ok();
    assert!(text.contains("every image abstained: "), "{text}");
    assert!(!certify(&["--max", "2"]).ok().contains("every image abstained"));
}
