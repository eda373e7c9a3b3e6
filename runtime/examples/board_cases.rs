//! Writes the cases that the firmware `battery` checks: small networks, and what the scalar code makes of them.
//!
//! ```text
//! board_cases battery.bin
//! ```

#![allow(clippy::unwrap_used, clippy::panic, reason = "the generators are those of the tests")]

use ringfence_runtime::{Backend, Model};
use std::error::Error;
use std::io::Write;
use std::{env, fs};

#[path = "../../examples/cortex-m/src/cases.rs"]
mod cases;
#[path = "../tests/suite/support/mod.rs"]
mod support;

use support::{Network, Rng, random_conv, random_conv_of, random_network};

fn main() -> Result<(), Box<dyn Error>> {
    let path = env::args().nth(1).ok_or("usage: board_cases battery.bin")?;
    let mut file = fs::File::create(path)?;
    let mut written = 0;
    for network in networks() {
        written += usize::from(write_case(&mut file, &network)?);
    }
    println!("{written} cases");
    Ok(())
}

/// Convolutions of all kinds, layers of residual networks, the deepest windows, and whole networks.
fn networks() -> Vec<Network> {
    let mut rng = Rng(17);
    let mut networks = Vec::new();
    for _ in 0..120 {
        let channels = [rng.size(1, 40), rng.size(1, 40)];
        let kernel = [rng.size(1, 5), rng.size(1, 5)];
        let size = [kernel[0] + rng.size(0, 3), kernel[1] + rng.size(0, 8)];
        networks.push(random_conv(&mut rng, channels, kernel, size));
    }
    for channels in [[3, 16], [16, 16], [13, 12], [16, 32], [32, 32], [64, 64], [64, 12], [100, 20]] {
        for (kernel, stride, pad) in [(3, 1, 1), (3, 2, 1), (1, 2, 0), (5, 1, 2)] {
            let size = [kernel + rng.size(0, 2), 8];
            networks.push(random_conv_of(&mut rng, channels, [kernel; 2], size, [[stride; 2], [pad; 2]]));
        }
    }
    networks.extend((0..40).map(|_| random_network(&mut rng)));
    networks
}

/// False if a board has no room for the case.
fn write_case(file: &mut fs::File, network: &Network) -> Result<bool, Box<dyn Error>> {
    let bytes = network.to_bytes();
    let model = Model::parse(&bytes)?;
    let arena = model.arena_bytes(1);
    let fits =
        bytes.len() <= cases::MODEL_BYTES && arena <= cases::ARENA_BYTES && model.classes() <= cases::CLASSES;
    if fits {
        let mut logits = vec![0; model.classes()];
        let hash = cases::hash(&model, Backend::Scalar, &mut vec![0; arena], &mut logits)?;
        let (length, hash) = (u32::try_from(bytes.len())?, hash.ok_or("no scalar code")?);
        let mut header = [0; cases::HEADER_BYTES];
        header[..4].copy_from_slice(&length.to_le_bytes());
        header[4..].copy_from_slice(&hash.to_le_bytes());
        file.write_all(&header)?;
        file.write_all(&bytes)?;
    }
    Ok(fits)
}
