//! Writes the seed corpora: `cargo run --bin seeds` in this folder, after a change of the model format.
//!
//! The files come from the generators of the tests, so each is accepted by its target.

use std::fs;
use std::path::{Path, PathBuf};

#[path = "../../src/onnx/testing/build.rs"]
#[allow(dead_code)]
mod build;
#[path = "../../src/onnx/testing/random.rs"]
mod random;
#[path = "../../runtime/tests/suite/support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use support::{Layer, Rng, random_network as random_model};

/// Files that are generated; the smallest of each kind are kept.
const GENERATED: u64 = 400;

fn main() -> std::io::Result<()> {
    let models = smallest(|seed| {
        let network = random_model(&mut Rng(seed));
        let kinds = kinds(&network.layers);
        (kinds.count_ones() <= 2).then(|| (kinds, network.to_bytes()))
    });
    write("parse", models.iter().cloned())?;
    write("step", models.iter().enumerate().map(|(i, model)| [&control(i)[..], model].concat()))?;
    write("onnx", smallest(|seed| Some((seed % 8, random::random_network(seed).0))).into_iter())?;
    write("data", files().into_iter())
}

/// The smallest generated file of each kind.
fn smallest<K: Ord>(make: impl Fn(u64) -> Option<(K, Vec<u8>)>) -> Vec<Vec<u8>> {
    let mut found: BTreeMap<K, Vec<u8>> = BTreeMap::new();
    for (kind, file) in (0..GENERATED).filter_map(make) {
        let kept = found.entry(kind).or_insert_with(|| file.clone());
        if file.len() < kept.len() {
            *kept = file;
        }
    }
    found.into_values().collect()
}

/// Which kinds of layers there are: plain and fused convolutions, rescalings, sums, pools, maxima, joins of one and two.
fn kinds(layers: &[Layer]) -> u8 {
    let bit = |layer: &Layer| match layer {
        Layer::Conv(conv) => 1 << u8::from(conv.residual.is_some()),
        Layer::Add { b, .. } => 4 << u8::from(b.is_some()),
        Layer::Pool { .. } => 16,
        Layer::MaxPool { .. } => 32,
        Layer::Join { b, .. } => 64 << u8::from(b.is_some()),
        Layer::Logits { .. } => 0,
    };
    layers.iter().map(bit).fold(0, |kinds, bit| kinds | bit)
}

fn control(i: usize) -> [u8; 16] {
    std::array::from_fn(|at| (i * 31 + at * 7) as u8)
}

/// CIFAR records and idx pairs, each behind the three bytes that choose the loader.
fn files() -> Vec<Vec<u8>> {
    let idx = |dimensions: &[u32], values: &[u8]| {
        let head = (0x800 + dimensions.len() as u32).to_be_bytes();
        let dimensions = dimensions.iter().flat_map(|extent| extent.to_be_bytes());
        head.into_iter().chain(dimensions).chain(values.iter().copied()).collect::<Vec<u8>>()
    };
    let pair = |how: u8, side: u32| {
        let images = idx(&[2, side, side], &vec![7; (2 * side * side) as usize]);
        let labels = idx(&[2], &[3, 9]);
        [&[how][..], &(images.len() as u16).to_le_bytes(), &images, &labels].concat()
    };
    let names: String = (0..100).map(|class| format!("n{class}\n")).collect();
    vec![
        [&[0x00, 0, 0][..], &[5; 3073]].concat(),
        [&[0x80, 0, 0][..], &[5; 9]].concat(),
        [&[0x01, 0, 0][..], &[5; 3074]].concat(),
        [&[0x81, 0, 0][..], &[5, 99, 7]].concat(),
        [&[0x41][..], &(names.len() as u16).to_le_bytes(), names.as_bytes(), &[1, 2]].concat(),
        pair(0x02, 4),
        pair(0x03, 1),
    ]
}

fn write(target: &str, files: impl Iterator<Item = Vec<u8>>) -> std::io::Result<()> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    for (i, file) in files.enumerate() {
        fs::write(folder.join(format!("{i:02}")), file)?;
    }
    Ok(())
}
