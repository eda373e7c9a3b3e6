//! `bench`: a line for each backend of this machine, or an error that names what it has.

use ringfence_runtime::Backend;
use serde_json::json;

use crate::{lines, network, ringfence};

#[test]
fn every_backend_of_this_machine_has_a_line() {
    let model = network::model().to_str().unwrap();
    let args =
        ["bench", model, "--backends", "all", "--threads", "1,2", "--n", "10", "--seconds", "0.01", "--json"];
    let found = lines(&ringfence(&args).ok());
    let available = || Backend::ALL.into_iter().filter(|backend| backend.is_available());
    let expected: Vec<_> =
        available().flat_map(|backend| [1, 2].map(|threads| json!([backend.name(), threads]))).collect();
    let names: Vec<_> = found.iter().map(|line| json!([line["backend"], line["threads"]])).collect();
    assert_eq!(names, expected);
    for line in &found {
        assert_eq!((&line["schema"], &line["n"]), (&json!("ringfence.bench/1"), &json!(10)));
        let us = |field: &str| line[field].as_f64().unwrap();
        assert!(us("us_per_sample") > 0.0 && us("us_per_sample") <= us("us_per_sample_median"));
        assert_eq!(line["us_noise_per_sample"].is_null(), line["threads"] != 1);
    }
}

#[test]
fn a_backend_that_is_not_there_is_answered_with_those_that_are() {
    let error = ringfence(&["bench", "--backends", "abacus"]).error(2);
    assert!(error.contains("abacus") && error.contains("scalar"), "{error}");
}
