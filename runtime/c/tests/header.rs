//! `include/ringfence.h` is what cbindgen makes of the functions: a test that fails when they differ, and writes the header
//! anew when the environment says `RINGFENCE_WRITE_HEADER=1`.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

/// In the order of the header.
const SOURCES: [&str; 7] = ["status", "model", "table", "inputs", "outputs", "certify", "run"];

#[test]
fn header_is_that_of_the_functions() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut builder =
        cbindgen::Builder::new().with_config(cbindgen::Config::from_file(here.join("cbindgen.toml"))?);
    for source in SOURCES {
        builder = builder.with_src(here.join("../src/ffi").join(source).with_extension("rs"));
    }
    let mut header = Vec::new();
    builder.generate()?.write(&mut header);
    let path = here.join("../include/ringfence.h");
    if env::var_os("RINGFENCE_WRITE_HEADER").is_some() {
        fs::write(&path, &header)?;
    }
    let stored = fs::read(&path)?;
    assert!(stored == header, "{} is not what cbindgen writes: RINGFENCE_WRITE_HEADER=1", path.display());
    Ok(())
}
