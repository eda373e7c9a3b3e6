//! Certifies between other things to do, until a deadline: a loop as a scheduler or a watchdog asks for.
//!
//! Each turn does a slice of samples, feeds the watchdog, and leaves room for other tasks. The first run here has all the time it
//! needs; the second one is left at its deadline, and certifies nothing.
#![no_std]
#![no_main]

use cortex_m::Peripherals;
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use ringfence_firmware::scene::{IMAGE, MODEL, take_arena};
use ringfence_firmware::{Failure, exit, ticks};
use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Budget, Image, Seed, Smoother};

/// Samples between two looks at the clock: what fits between two feedings of the watchdog.
const SLICE: u32 = 4;

#[entry]
fn main() -> ! {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let mut peripherals = Peripherals::take().ok_or("the peripherals are taken")?;
    ticks::start(&mut peripherals.SYST);
    let model = Model::parse(MODEL)?;
    let image = Image::chw(IMAGE, 3, 32, 32)?;
    let arena = take_arena().ok_or("the arena is taken")?;
    let mut smoother = Smoother::new(&model, arena)?;
    let seed = Seed([7; 32]);

    for deadline in [u64::MAX, ticks::now() + 10_000_000] {
        let mut run = smoother.start(&image, Budget::single_stage(32, 0.001), &seed)?;
        let (mut longest, mut others) = (0, 0);
        let finished = loop {
            let start = ticks::now();
            if run.step(SLICE)? {
                break true;
            }
            longest = longest.max(ticks::now() - start);
            others += 1;
            if ticks::now() >= deadline {
                break false;
            }
        };
        hprintln!(
            "samples {} of {}, longest slice {} ticks, {} turns for others",
            run.done(),
            run.total(),
            longest,
            others
        );
        if finished {
            hprintln!("counts {:?}", run.finish()?.counts());
        } else {
            hprintln!("no certificate before the deadline");
        }
    }
    Ok(())
}
