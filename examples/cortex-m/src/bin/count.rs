//! Counts the instructions of one noisy copy, operation after operation, with every backend of the board.
#![no_std]
#![no_main]

use cortex_m::Peripherals;
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use ringfence_firmware::scene::{IMAGE, MODEL, take_arena};
use ringfence_firmware::{Failure, exit, ticks};
use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother};
use ringfence_runtime::{Backend, Executor, Model};

/// Most classes of a shipped model.
const CLASSES: usize = 16;
/// Most operations of a shipped model.
const OPS: usize = 64;

#[entry]
fn main() -> ! {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let mut peripherals = Peripherals::take().ok_or("the peripherals are taken")?;
    ticks::start(&mut peripherals.SYST);
    let model = Model::parse(MODEL)?;
    let arena = take_arena().ok_or("the arena is taken")?;
    for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
        count(&model, backend, arena)?;
    }
    Ok(())
}

fn count(model: &Model<'_>, backend: Backend, arena: &mut [u8]) -> Result<(), Failure> {
    let name = backend.name();
    let image = Image::chw(IMAGE, 3, 32, 32)?;
    let start = ticks::now();
    Smoother::with_backend(model, arena, backend)?.tally(&image, &Seed([7; 32]), Purpose::Vote, 0..1)?;
    let sample = ticks::now() - start;

    let executor = Executor::new(model, backend).ok_or("a backend that is not there")?;
    let mut logits = [0; CLASSES];
    let logits = logits.get_mut(..model.classes()).ok_or("too many classes")?;
    let mut ends = [0; OPS];
    executor.write_input(arena, 0)?;
    let start = ticks::now();
    executor.run(arena, 1, logits, |op, _, _| {
        if let Some(end) = ends.get_mut(op) {
            *end = ticks::now();
        }
    })?;
    let end = ticks::now();

    hprintln!("{} sample {}", name, ticks::instructions(sample));
    hprintln!("{} copy {}", name, ticks::instructions(sample - (end - start)));
    let mut before = start;
    for (op, &at) in ends.iter().enumerate().take(model.ops().count()) {
        // The last operation gives logits and is not shown to an observer.
        let at = if at == 0 { end } else { at };
        hprintln!("{} op {} {}", name, op, ticks::instructions(at - before));
        before = at;
    }
    Ok(())
}
