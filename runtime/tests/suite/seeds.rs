//! The fuzzers' seeds are models of today's format: a seed that is refused at the door teaches a fuzzer nothing.

use crate::mutation::exercise;
use std::fs;
use std::path::Path;

/// Bytes before the model in a seed of the target `step`.
const CONTROL: usize = 16;

#[test]
fn seeds_of_the_fuzz_targets_parse_and_run() {
    for (target, skip) in [("parse", 0), ("step", CONTROL)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/seeds").join(target);
        let files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(files.len() >= 8, "{target}: {} seeds", files.len());
        for path in files {
            let remedy = "cargo run --bin seeds in fuzz/ makes them anew";
            assert!(exercise(&fs::read(&path).unwrap()[skip..]), "{}: {remedy}", path.display());
        }
    }
}
