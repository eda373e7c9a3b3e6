//! `replay`: equal certificates are found equal, doctored ones are not.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::{Ran, certify, lines, network, ringfence};

/// Three certificates and their summary.
fn stored() -> Vec<Value> {
    lines(&certify(&["--json", "--max", "3"]).ok())
}

fn write(folder: &TempDir, records: &[Value]) -> String {
    let path = folder.path().join("records.jsonl");
    let text: String = records.iter().map(|record| format!("{record}\n")).collect();
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn replay(records: &[Value], more: &[&str]) -> Ran {
    let folder = tempdir().unwrap();
    ringfence(&[&["replay", &write(&folder, records)], more].concat())
}

#[test]
fn equal_certificates_are_equal_on_any_backend() {
    let records = stored();
    for more in [&[][..], &["--backend", "scalar", "--threads", "1", "--batch", "3"]] {
        let text = replay(&records, more).ok();
        assert!(text.ends_with("3 of 3 certificates are equal bit for bit\n"), "{text}");
    }
    let output = lines(&replay(&records, &["--json"]).ok());
    assert_eq!(output[0], json!({ "idx": 0, "equal": true, "seed_source": "given", "different": {} }));
    assert_eq!(
        output[3],
        json!({ "summary": { "certificates": 3, "different": 0 }, "schema": "ringfence.replay/1" })
    );
}

#[test]
fn single_stage_certificates_replay_from_standard_input() {
    let records = certify(&["--json", "--max", "2", "--single-stage", "--alpha", "0.05"]).ok();
    let mut child = Command::new(env!("CARGO_BIN_EXE_ringfence"))
        .args(["replay", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(records.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("idx 0: equal"));
}

#[test]
fn every_doctored_field_is_found() {
    // One whose votes are spread over classes: unanimous votes may well be the same under another seed.
    let spread = |record: &&Value| {
        record["counts"].as_array().unwrap().iter().filter(|count| count.as_u64().unwrap() > 5).count() > 2
    };
    let some = lines(&certify(&["--json", "--max", "20"]).ok());
    let one = some[..20].iter().find(spread).unwrap();
    let records = [some[0].clone(), one.clone(), some[1].clone()];
    let seed = one["seed"].as_str().unwrap();
    let other_seed = format!("{}{}", if seed.starts_with('0') { '1' } else { '0' }, &seed[1..]);
    let mut counts = one["counts"].clone();
    let most = counts.as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).max().unwrap();
    let position = counts.as_array().unwrap().iter().position(|n| *n == json!(most)).unwrap();
    counts[position] = json!(most - 1);
    let number = |field: &str| one[field].as_i64().unwrap();
    for (field, value, found_in) in [
        ("counts", counts, "counts"),
        ("radius_units", json!(number("radius_units") + 1), "radius_units"),
        ("radius", json!(0.7), "radius"),
        ("radius_255", json!(99.0), "radius_255"),
        ("predict", json!(number("predict") + 1), "predict"),
        ("correct", json!(1 - number("correct")), "correct"),
        ("label", json!((number("label") + 1) % 16), "label"),
        ("seed", json!(other_seed), "counts"),
        ("generator", json!("chacha8"), "counts"),
        ("idx", json!(200), "image_sha256"),
        ("split", json!("train"), "image_sha256"),
        ("image_sha256", json!("00"), "image_sha256"),
        ("model_sha256", json!("00"), "model_sha256"),
        ("sigma", json!(0.2), "sigma"),
        ("n", json!(99), "counts"),
        ("n0", json!(19), "selection"),
        ("selection", json!([20]), "selection"),
    ] {
        let mut doctored = records.to_vec();
        doctored[1][field] = value;
        let ran = replay(&doctored, &["--json"]);
        let output = lines(&ran.stdout);
        let different = output[1]["different"].as_object().unwrap();
        assert!(different.contains_key(found_in), "{field}: {different:?}");
        assert_eq!((&output[0]["equal"], &output[2]["equal"]), (&json!(true), &json!(true)));
        assert_eq!(ran.error(1), "1 of 3 certificates differ");
    }
}

#[test]
fn differences_are_printed_with_both_values() {
    let mut records = stored();
    records[2]["radius_units"] = json!(77);
    let ran = replay(&records, &[]);
    let units = stored()[2]["radius_units"].clone();
    let expected =
        format!("idx 2: DIFFERENT: radius_units stored 77 found {units}\n2 of 3 certificates are equal");
    assert!(ran.stdout.contains(&expected), "{}", ran.stdout);
    assert_eq!(ran.error(1), "1 of 3 certificates differ");
}

#[test]
fn the_model_is_found_or_asked_for() {
    let mut records = stored();
    let model = network::model().to_str().unwrap();
    for record in &mut records[..3] {
        record["model"] = json!("elsewhere.rfm");
    }
    let error = replay(&records, &[]).error(2);
    assert!(error.contains("no embedded model has sha256") && error.contains("`elsewhere.rfm`"), "{error}");
    replay(&records, &["--model", model]).ok();
}

/// The records that the runtime's tests recompute on other processors.
#[test]
fn stored_records_replay() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/runtime/tests/vectors/certificates.jsonl");
    let text = ringfence(&["replay", path]).ok();
    assert!(text.ends_with("2 of 2 certificates are equal bit for bit\n"), "{text}");
    assert!(text.starts_with("idx 24: equal, class 6, radius 0.0075159\n"), "{text}");
}

#[test]
fn records_of_before_and_of_elsewhere() {
    // Before records named their schema, version, generator, norm and unit, all of them were as they are now.
    let mut records = stored();
    for record in &mut records[..3] {
        for field in ["schema", "version", "generator", "norm", "unit"] {
            record.as_object_mut().unwrap().remove(field).unwrap();
        }
    }
    replay(&records, &[]).ok();
    // Another version of the program may find the same votes.
    records[1]["version"] = json!("0.0.9");
    replay(&records, &[]).ok();
    for (field, value) in
        [("schema", "ringfence.certify/2"), ("generator", "dice"), ("norm", "Linf"), ("unit", "255")]
    {
        let mut strange = stored();
        strange[1][field] = json!(value);
        let error = replay(&strange, &[]).error(2);
        let expected = format!("records.jsonl: line 2: unknown variant `{value}`, expected");
        assert!(error.contains(&expected), "{error}");
    }
}

#[test]
fn records_that_cannot_be_read_are_named_by_line() {
    let records = stored();
    let error = replay(&[], &[]).error(2);
    assert!(error.contains("no certificates"), "{error}");
    let error = replay(&[records[0].clone(), json!({ "idx": 1 })], &[]).error(2);
    assert!(error.contains("records.jsonl: line 2: missing field"), "{error}");
    let mut short = records[0].clone();
    short["seed"] = json!("12");
    let error = replay(&[short], &[]).error(2);
    assert!(error.contains("line 1: seed: expected 64 hexadecimal digits, found `12`"), "{error}");
    let error = ringfence(&["replay", "/nowhere/records.jsonl"]).error(2);
    assert!(error.starts_with("/nowhere/records.jsonl: cannot be read: "), "{error}");
}
