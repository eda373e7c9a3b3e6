//! Certifies one image on an embedded Linux board, or any other machine with Rust's standard library, with nothing but the
//! runtime.
//!
//! ```text
//! ringfence-aarch64 MODEL.rfm IMAGE.chw
//! ```
//!
//! `.ci/emulate-aarch64` runs it on emulated Arm CPUs, `.ci/cortex-m` compares its votes with those of microcontrollers.

use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Budget, Image, Purpose, Seed, Smoother};
use std::error::Error;
use std::{env, fs};

/// Samples that run side by side.
const BATCH: usize = 4;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [model, image] = args.as_slice() else {
        return Err("usage: ringfence-aarch64 MODEL.rfm IMAGE.chw".into());
    };
    let (model, pixels) = (fs::read(model)?, fs::read(image)?);
    let model = Model::parse(&model)?;
    let shape = model.input();
    let image = Image::chw(&pixels, shape.channels, shape.height, shape.width)?;
    let mut arena = vec![0; model.arena_bytes(BATCH)];
    let mut smoother = Smoother::new(&model, &mut arena)?;
    eprintln!("backend {}", smoother.backend().name());

    // Fixed, so that every machine finds the same votes; a certificate needs a seed that nobody could foresee.
    let seed = Seed([7; 32]);
    println!("counts {:?}", smoother.tally(&image, &seed, Purpose::Estimate, 0..10)?.as_slice());
    let outcome = smoother.certify(&image, Budget::single_stage(100, 0.001), &seed)?;
    match outcome.certificate() {
        Some(certificate) => println!("class {} radius {}", certificate.class, certificate.radius.units()),
        None => println!("abstained"),
    }
    Ok(())
}
