//! Certification in steps, left and taken up again.

use crate::caller::{Caller, SEED, budget, file, files, get, seed};
use crate::equal::{assert_outcome, budgets};
use ringfence_runtime::Model;
use ringfence_runtime::ffi::*;
use ringfence_runtime::smooth::{Image, Smoother};
use std::mem::MaybeUninit;

/// Memory for a run.
fn memory() -> Box<MaybeUninit<CRun>> {
    Box::new(MaybeUninit::zeroed())
}

fn progress(run: &MaybeUninit<CRun>) -> CProgress {
    get(|progress| unsafe { ringfence_run_progress(run.as_ptr(), progress) }).unwrap()
}

#[test]
fn interrupted_runs_end_like_whole_ones() {
    for file in files() {
        let mut caller = Caller::new(&file, 3);
        let (smoother, image, model) = (caller.smoother(), caller.image(), Model::parse(&file).unwrap());
        let [channels, height, width] = caller.shape;
        let view = Image::chw(&caller.pixels, channels, height, width).unwrap();
        let mut arena = vec![0; model.arena_bytes(1)];
        let mut rust = Smoother::new(&model, &mut arena).unwrap();
        for (budget, same) in budgets() {
            let mut expected = rust.start(&view, same, &SEED).unwrap();
            let total = expected.total();
            while !expected.step(1).unwrap() {}
            let (done, expected) = (expected.done(), expected.finish().unwrap());
            let steps = [3, 100, 1, u32::MAX];
            for step in steps.into_iter().take(if cfg!(miri) { 2 } else { 4 }) {
                let mut run = memory();
                let begun =
                    unsafe { ringfence_run_begin(&smoother, &image, &seed(), &budget, run.as_mut_ptr()) };
                assert_eq!(begun, Status::Ok);
                assert_eq!(progress(&run), CProgress { done: 0, total, finished: false });
                let mut steps = 0;
                loop {
                    // The arena serves something else in the meantime.
                    unsafe { smoother.arena.write_bytes(steps as u8, smoother.arena_bytes) };
                    let finished =
                        get(|finished| unsafe { ringfence_run_step(run.as_mut_ptr(), step, finished) })
                            .unwrap();
                    steps += 1;
                    if finished {
                        break;
                    }
                    let now = CProgress { done: steps * u64::from(step), total, finished: false };
                    assert_eq!(progress(&run), now);
                    let early = get(|outcome| unsafe { ringfence_run_finish(run.as_ptr(), outcome) });
                    assert_eq!(early, Err(Status::Unfinished));
                }
                assert_eq!(progress(&run), CProgress { done, total, finished: true });
                for _ in 0..2 {
                    let outcome =
                        get(|outcome| unsafe { ringfence_run_finish(run.as_ptr(), outcome) }).unwrap();
                    assert_outcome(&outcome, &expected);
                    let more = get(|finished| unsafe { ringfence_run_step(run.as_mut_ptr(), 5, finished) });
                    assert_eq!(more, Ok(true));
                }
            }
        }
    }
}

#[test]
fn a_step_of_nothing_does_nothing() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image, budget) = (caller.smoother(), caller.image(), budgets()[0].0);
    let mut run = memory();
    assert_eq!(
        unsafe { ringfence_run_begin(&smoother, &image, &seed(), &budget, run.as_mut_ptr()) },
        Status::Ok
    );
    let nothing = get(|finished| unsafe { ringfence_run_step(run.as_mut_ptr(), 0, finished) });
    assert_eq!((nothing, progress(&run).done), (Ok(false), 0));
}

#[test]
fn runs_that_were_not_begun_are_recognised() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image) = (caller.smoother(), caller.image());
    let mut run = memory();
    let refused = |run: &mut MaybeUninit<CRun>| {
        let run = run.as_mut_ptr();
        assert_eq!(get(|finished| unsafe { ringfence_run_step(run, 1, finished) }), Err(Status::NotBegun));
        assert_eq!(get(|progress| unsafe { ringfence_run_progress(run, progress) }), Err(Status::NotBegun));
        assert_eq!(get(|outcome| unsafe { ringfence_run_finish(run, outcome) }), Err(Status::NotBegun));
    };
    refused(&mut run);
    let good = budget(Method::TwoStage, 4, 8, 0);
    let begin = |budget: &CBudget, run: &mut MaybeUninit<CRun>| unsafe {
        ringfence_run_begin(&smoother, &image, &seed(), budget, run.as_mut_ptr())
    };
    assert_eq!(begin(&good, &mut run), Status::Ok);
    // A begin that fails leaves no run, also not the one before.
    for (wrong, status) in [
        (budget(Method::TwoStage, 4, 9, 0), Status::NoTable),
        (budget(Method::Predict, 0, 8, 0), Status::Method),
    ] {
        assert_eq!(begin(&wrong, &mut run), status);
        refused(&mut run);
    }
}

/// Every step looks at what it is given anew.
#[test]
fn a_model_that_went_away_stops_its_runs() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image, budget) = (caller.smoother(), caller.image(), budgets()[0].0);
    let mut run = memory();
    let run = run.as_mut_ptr();
    assert_eq!(unsafe { ringfence_run_begin(&smoother, &image, &seed(), &budget, run) }, Status::Ok);
    caller.file[0] ^= 1;
    assert_eq!(caller.parse(), Status::Magic);
    assert_eq!(get(|finished| unsafe { ringfence_run_step(run, 1, finished) }), Err(Status::NotParsed));
}
