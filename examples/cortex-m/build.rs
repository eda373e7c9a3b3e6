//! Chooses the board's memory map and the model: `BOARD` names a file of `boards/`, `MODEL` a file of the shipped models.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let board = env::var("BOARD").unwrap_or("mps2-an386".into());
    let model = env::var("MODEL").unwrap_or("signs-resnet8-s025".into());
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("no CARGO_MANIFEST_DIR")?);

    let map = Path::new("boards").join(&board).with_extension("x");
    fs::copy(&map, out.join("memory.x")).map_err(|error| format!("{}: {error}", map.display()))?;
    let path = root.join("../../models").join(&model).with_extension("rfm");
    let path = path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))?;

    println!("cargo::rustc-env=MODEL={}", path.display());
    println!("cargo::rustc-env=CLOCK_HZ={}", clock_hz(&board));
    println!("cargo::rustc-link-search={}", out.display());
    println!("cargo::rustc-link-arg=-Tlink.x");
    println!("cargo::rerun-if-env-changed=BOARD");
    println!("cargo::rerun-if-env-changed=MODEL");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", map.display());
    Ok(())
}

/// Clock of the emulated board.
fn clock_hz(board: &str) -> u32 {
    match board {
        "mps3-an547" => 32_000_000,
        "netduinoplus2" => 168_000_000,
        _ => 25_000_000,
    }
}
