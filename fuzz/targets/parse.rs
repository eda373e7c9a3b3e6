//! Any bytes give a model or an error, as they are and with a header that leads past the checksum; an error has words.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_fuzz::{read_everything, seal};
use ringfence_runtime::Model;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut sealed = bytes.to_vec();
    seal(&mut sealed);
    check(&sealed);
});

fn check(bytes: &[u8]) {
    match Model::parse(bytes) {
        Ok(model) => read_everything(&model),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
