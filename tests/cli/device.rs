//! What a model takes on a microcontroller: `report`, `inspect --memory`, `compile --emit`.

use std::fs;

use serde_json::Value;

use crate::{lines, ringfence};

fn number(object: &Value, field: &str) -> f64 {
    object[field].as_f64().unwrap()
}

#[test]
fn report_multiplies_instructions_by_time_and_samples() {
    let args = ["report", "--device", "cortex-m4", "--mhz", "100", "--cpi", "2", "--n", "32,100", "--json"];
    let report = lines(&ringfence(&args).ok()).remove(0);
    assert_eq!(report["schema"], "ringfence.report/1");
    assert_eq!(report["backend"], "dsp");
    let costs = report["costs"].as_array().unwrap();
    let sum: f64 = costs.iter().map(|cost| number(cost, "instructions")).sum();
    assert!((number(&report, "instructions") - sum).abs() < 1.0 && sum > 12e6);
    let reach = report["reach"].as_array().unwrap();
    for (line, n) in reach.iter().zip([32.0, 100.0]) {
        assert!((number(line, "seconds") - n * sum * 2.0 / 100e6).abs() < 1e-6);
    }
    assert!(number(&reach[0], "radius") < number(&reach[1], "radius"));
}

#[test]
fn report_finds_the_samples_that_a_time_allows() {
    let text =
        ringfence(&["report", "--device", "cortex-m55", "--mhz", "400", "--n", "8", "--seconds", "0.5"]).ok();
    let fitting: u32 =
        text.lines().last().unwrap().strip_prefix("0.5 s allow N = ").unwrap().parse().unwrap();
    assert!(fitting > 8 && text.contains(&format!("\n{fitting:>8} ")), "{text}");
    // Eight samples prove nothing at 99.9 %.
    assert!(text.lines().any(|line| line.starts_with("       8 ") && line.contains("never")), "{text}");
}

#[test]
fn report_refuses_what_is_no_device_or_number() {
    let error = ringfence(&["report", "--device", "z80", "--mhz", "4"]).error(2);
    assert!(error.contains("z80") && error.contains("cortex-m4"), "{error}");
    let error = ringfence(&["report", "--device", "cortex-m4", "--mhz", "0"]).error(2);
    assert!(error.contains("--mhz 0"), "{error}");
}

#[test]
fn memory_is_arena_stack_and_flash() {
    let memory = lines(&ringfence(&["inspect", "--memory", "--json"]).ok()).remove(0);
    assert_eq!(memory["schema"], "ringfence.memory/1");
    assert_eq!(number(&memory, "arena_bytes"), 37_056.0);
    let moments = memory["moments"].as_array().unwrap();
    assert_eq!(moments.len(), memory["layers"].as_array().unwrap().len());
    let live = moments.iter().map(|moment| number(moment, "live_bytes"));
    assert!(live.fold(0.0, f64::max) <= 37_056.0);
    let text = ringfence(&["inspect", "--memory"]).ok();
    assert!(text.contains("stack with dsp, at most") && text.contains("convolution"), "{text}");
    assert!(text.lines().last().unwrap().contains("logits"), "{text}");
}

#[test]
fn a_model_is_also_written_as_source() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("net.rfm");
    let out = out.to_str().unwrap();
    let onnx = "models/signs-resnet8-s025.onnx";
    let common = ["compile", onnx, "--calibrate", "signs", "--images", "4", "--sigma", "0.25"];
    ringfence(&[&common[..], &["-o", out, "--emit", "c", "--table", "single-stage:32:0.001"]].concat()).ok();
    let bytes = fs::read(out).unwrap();
    let source = fs::read_to_string(folder.path().join("net.c")).unwrap();
    assert!(source.contains(&format!("net[{}]", bytes.len())), "{}", &source[..200]);
    assert!(fs::read_to_string(folder.path().join("net.h")).unwrap().contains("net_length"));
    let error = ringfence(&[&common[..], &["-o", "net.rs", "--emit", "rust"]].concat()).error(2);
    assert!(error.contains(".rfm"), "{error}");
}
