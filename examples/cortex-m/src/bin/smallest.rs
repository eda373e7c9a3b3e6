//! The runtime and one model with nothing around them, to see how much code that is: certifies an image and tells the
//! class by its exit code. Built with the feature `quiet`, without any text.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use ringfence_firmware::scene::{IMAGE, MODEL, take_arena};
use ringfence_firmware::{Failure, exit};
use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};

#[entry]
fn main() -> ! {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let model = Model::parse(MODEL)?;
    let image = Image::chw(IMAGE, 3, 32, 32)?;
    let arena = take_arena().ok_or("the arena is taken")?;
    let mut smoother = Smoother::new(&model, arena)?;
    let outcome = smoother.certify(&image, Budget::single_stage(32, 0.001), &Seed([7; 32]))?;
    let votes = outcome.counts().get(6).copied();
    if votes == Some(23) { Ok(()) } else { Err("other votes than on the host".into()) }
}
