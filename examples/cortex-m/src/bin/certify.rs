//! Certifies one image with a model in flash, and says what that took: the votes, the memory, the instructions.
#![no_std]
#![no_main]

use cortex_m::Peripherals;
use cortex_m_rt::entry;
use cortex_m_semihosting::hprintln;
use ringfence_firmware::{Failure, exit, stack, ticks};
use ringfence_runtime::smooth::{Budget, Image, Purpose, Seed, Smoother};
use ringfence_runtime::{Model, embed_model};

static MODEL: &[u8] = embed_model!(env!("MODEL"));
static IMAGE: &[u8] = include_bytes!("../../../../runtime/tests/vectors/sign-24.chw");

/// Enough for both shipped models; [`Model::arena_bytes`] says how much a model needs.
static mut ARENA: [u8; 38 * 1024] = [0; 38 * 1024];

#[entry]
fn main() -> ! {
    exit(run())
}

fn run() -> Result<(), Failure> {
    let mut peripherals = Peripherals::take().ok_or("the peripherals are taken")?;
    hprintln!("cpuid {:08x}", peripherals.CPUID.base.read());
    ticks::start(&mut peripherals.SYST);
    stack::paint();

    let model = Model::parse(MODEL)?;
    let image = Image::chw(IMAGE, 3, 32, 32)?;
    // SAFETY: the only reference to it.
    let arena = unsafe { &mut *(&raw mut ARENA) };
    let mut smoother = Smoother::new(&model, arena)?;
    hprintln!("backend {}", smoother.backend().name());

    // Fixed, so that every machine finds the same votes; a certificate needs a seed that nobody could foresee.
    let seed = Seed([7; 32]);
    let start = ticks::now();
    let counts = smoother.tally(&image, &seed, Purpose::Estimate, 0..10)?;
    let spent = ticks::now() - start;
    hprintln!("counts {:?}", counts.as_slice());
    hprintln!("instructions {} a sample", ticks::instructions(spent / 10));

    let outcome = smoother.certify(&image, Budget::single_stage(100, 0.001), &seed)?;
    match outcome.certificate() {
        Some(certificate) => hprintln!("class {} radius {}", certificate.class, certificate.radius.units()),
        None => hprintln!("abstained"),
    }
    hprintln!("arena {}", model.arena_bytes(1));
    hprintln!("stack {}", stack::used());
    Ok(())
}
