//! Every verb of the runtime behind a C symbol, so that a linker keeps what they reach and nothing else.
//!
//! Nothing here panics by itself; what `.ci/panics` finds in the machine code comes from the runtime or its
//! dependencies.
#![no_std]

use core::hint::black_box;
use core::panic::PanicInfo;
use ringfence_runtime::certificate::{Radius, Record};
use ringfence_runtime::smooth::{Budget, Error, Generator, Image, Seed, Smoother, Vote};
use ringfence_runtime::{Backend, Model};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// What a caller may give: any bytes, any numbers.
#[repr(C)]
pub struct Call {
    model: &'static [u8],
    image: &'static [u8],
    arena: &'static mut [u8],
    shape: [usize; 3],
    seed: [u8; 32],
    n0: u32,
    n: u32,
    alpha: f64,
}

impl Call {
    fn with<T>(
        &mut self,
        work: impl FnOnce(&mut Smoother<'_, '_, '_>, &Image<'_>, &Seed) -> Result<T, Error>,
    ) -> bool {
        let [channels, height, width] = self.shape;
        let Ok(model) = Model::parse(self.model) else { return false };
        let Ok(smoother) = Smoother::with_backend(&model, self.arena, black_box(Backend::Scalar)) else {
            return false;
        };
        let mut smoother = smoother.with_generator(black_box(Generator::default()));
        let Ok(image) = Image::hwc(self.image, channels, height, width) else { return false };
        black_box(work(&mut smoother, &image, &Seed(self.seed))).is_ok()
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_inspect(call: &mut Call) -> usize {
    let Ok(model) = Model::parse(call.model) else { return 0 };
    let tensors = model.tensors().map(|tensor| tensor.bytes).fold(0, usize::wrapping_add);
    let macs = model.ops().map(|op| op.macs()).fold(0, u64::wrapping_add);
    let tables = model.certificates().filter_map(|table| table.entry(call.n)).fold(0, u32::wrapping_add);
    let name = model.class_name(call.n as usize).map_or(0, str::len);
    black_box((model.sha256(), model.arena_bytes(call.n as usize), macs, tables, name));
    tensors
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_classify(call: &mut Call) -> bool {
    call.with(|smoother, image, _| smoother.classify(image))
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_vote(call: &mut Call) -> bool {
    let n = call.n;
    let vote = black_box(Vote::Soft);
    call.with(|smoother, image, seed| smoother.vote(image, seed, n, vote))
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_predict(call: &mut Call) -> bool {
    let (n, alpha) = (call.n, call.alpha);
    call.with(|smoother, image, seed| smoother.predict(image, n, alpha, seed))
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_certify(call: &mut Call) -> bool {
    let budget = Budget::two_stage(call.n0, call.n, call.alpha);
    call.with(|smoother, image, seed| {
        let outcome = smoother.certify(image, budget, seed)?;
        let table = budget.table(smoother.model())?;
        let seed = (seed, smoother.generator());
        Ok(black_box(Record::new(smoother.model(), image, seed, &table, &outcome)))
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_step(call: &mut Call) -> bool {
    let (budget, samples) = (Budget::single_stage(call.n, call.alpha), call.n0);
    call.with(|smoother, image, seed| {
        let mut run = smoother.start(image, budget, seed)?;
        while !run.step(samples)? {}
        run.finish()
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn verb_sequential(call: &mut Call) -> bool {
    let (budget, samples) = (Budget::sequential(Radius(call.n0), call.n, call.alpha), call.n0);
    call.with(|smoother, image, seed| {
        let mut run = smoother.start(image, budget, seed)?;
        while !run.step(samples)? {}
        let (done, outcome) = (run.done(), run.finish()?);
        Ok(black_box((done, outcome.candidate(), outcome.votes(), outcome)))
    })
}
