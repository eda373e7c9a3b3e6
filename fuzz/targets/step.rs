//! Whatever the model, the budget, the arena and the steps: a certification gives an outcome or an error, and the same
//! one for every backend and however it is cut into steps.
//!
//! The first [`CONTROL`] bytes choose how, the rest is a model file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringfence_fuzz::{is_small, read_everything, seal};
use ringfence_runtime::certificate::Outcome;
use ringfence_runtime::smooth::{Budget, Error, Image, Seed, Smoother, Vote};
use ringfence_runtime::{Backend, Model};

/// Bytes that say what is done with the model.
const CONTROL: usize = 16;

/// Most samples of a run: more add nothing but time.
const SAMPLES: u64 = 512;

fuzz_target!(|bytes: &[u8]| {
    let Some((control, file)) = bytes.split_first_chunk::<CONTROL>() else { return };
    let mut file = file.to_vec();
    seal(&mut file);
    let Ok(model) = Model::parse(&file) else { return };
    read_everything(&model);
    if is_small(&model) {
        run(&model, control);
    }
});

fn run(model: &Model<'_>, control: &[u8; CONTROL]) {
    let input = model.input();
    let shape = [input.channels, input.height, input.width];
    let pixels: Vec<u8> =
        (0..input.values()).map(|i| control[i % CONTROL].wrapping_mul(i as u8 | 1)).collect();
    let [channels, height, width] = shape;
    let image = match control[0] % 4 {
        0 => Image::hwc(&pixels, channels, height, width),
        1 => Image::chw(&pixels, width, channels, height),
        _ => Image::chw(&pixels, channels, height, width),
    };
    let Ok(image) = image else { return };
    let seed = Seed([control[1]; 32]);
    let budget = budget(model, control);
    let whole = certify(model, Backend::Scalar, (1, 0), |smoother| smoother.certify(&image, budget, &seed));
    let arena = (usize::from(control[2]) % 20, usize::from(control[3]));
    let stepped = certify(model, Backend::best(), arena, |smoother| {
        let mut run = smoother.start(&image, budget, &seed)?;
        let mut steps = control[4..12].iter().cycle();
        let mut before = 0;
        while !run
            .step(u32::from(*steps.next().unwrap_or(&1)).saturating_mul(1 + u32::from(control[12])).max(1))?
        {
            assert!(run.done() > before && run.done() < run.total());
            before = run.done();
        }
        assert!(run.step(u32::MAX)? && run.done() <= run.total());
        run.finish()
    });
    if arena.0 > 0 {
        assert_eq!(whole, stepped);
    }
    let unfinished = certify(model, Backend::Scalar, (1, 0), |smoother| {
        let run = smoother.start(&image, budget, &seed)?;
        run.finish()
    });
    assert!(unfinished.is_err());
    votes(model, &image, &seed, control);
}

/// The budget of one of the model's tables, or any other.
fn budget(model: &Model<'_>, control: &[u8; CONTROL]) -> Budget {
    use ringfence_runtime::certificate::{Method, Radius};
    let small = |n0: u32, n: u32| u64::from(n0) + u64::from(n) <= SAMPLES;
    let tables: Vec<_> = model.certificates().filter(|table| small(table.n0(), table.n())).collect();
    match tables.get(usize::from(control[13]) % (tables.len() + 1)) {
        Some(table) => {
            let alpha = f64::from_bits(table.alpha_bits());
            match table.method() {
                Method::TwoStage => Budget::two_stage(table.n0(), table.n(), alpha),
                Method::Sequential => {
                    Budget::sequential(table.target().unwrap_or(Radius(0)), table.n(), alpha)
                }
                _ => Budget::single_stage(table.n(), alpha),
            }
        }
        None => Budget::two_stage(u32::from(control[14]), u32::from(control[15]), 0.001),
    }
}

/// A smoother over an arena of so many samples and so many bytes more.
fn certify(
    model: &Model<'_>,
    backend: Backend,
    (samples, more): (usize, usize),
    work: impl FnOnce(&mut Smoother<'_, '_, '_>) -> Result<Outcome, Error>,
) -> Result<Outcome, Error> {
    let mut arena = vec![0xA5; model.arena_bytes(samples) + more];
    work(&mut Smoother::with_backend(model, &mut arena, backend)?)
}

fn votes(model: &Model<'_>, image: &Image<'_>, seed: &Seed, control: &[u8; CONTROL]) {
    let n = u32::from(control[14]) % 32;
    let answers = |backend: Backend, samples: usize| {
        let mut arena = vec![0x5A; model.arena_bytes(samples)];
        let mut smoother = Smoother::with_backend(model, &mut arena, backend).ok()?;
        let votes =
            [Vote::Prediction, Vote::Weighted, Vote::Soft].map(|vote| smoother.vote(image, seed, n, vote));
        let predicted = smoother.predict(image, n, 0.1, seed);
        Some((smoother.classify(image), votes, predicted))
    };
    assert_eq!(answers(Backend::Scalar, 1), answers(Backend::best(), 1 + usize::from(control[2]) % 16));
}
