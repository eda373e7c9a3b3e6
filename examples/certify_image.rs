//! Certifies one image with nothing but the runtime's interface, as a device would:
//!
//! ```text
//! cargo run --release --example certify_image
//! ```

use std::error::Error;

use ringfence::data::{self, Split};
use ringfence_runtime::certificate::Outcome;
use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};
use ringfence_runtime::{Model, embed_model};

static MODEL: &[u8] = embed_model!("../models/signs-resnet8-s025.rfm");
/// Memory of the network for one sample, as `ringfence inspect` states it.
const ARENA: usize = 37_056;

fn main() -> Result<(), Box<dyn Error>> {
    // A camera's frame: 3 planes of 32 x 32 bytes.
    let mut frame = [0; 3 * 32 * 32];
    let label = data::open("signs", Split::Test)?.read(7, &mut frame)?;
    // Bytes that nobody could foresee; on a device, its hardware generator.
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;

    let model = Model::parse(MODEL)?;
    let mut arena = [0; ARENA];
    let mut smoother = Smoother::new(&model, &mut arena)?;
    let image = Image::chw(&frame, 3, 32, 32)?;

    let mut run = smoother.start(&image, Budget::samples(1000), &Seed(seed))?;
    while !run.step(50)? {
        // Between steps a device serves its watchdog, or stops at a deadline.
    }
    match run.finish()? {
        Outcome::Certified(c) => {
            let class = model.class_name(c.class).unwrap_or("?");
            println!("class {} ({class}), true class {label}, radius {}", c.class, c.radius);
        }
        Outcome::Refuted(_) | Outcome::Abstained(_) => println!("the votes are not clear enough"),
    }
    Ok(())
}
