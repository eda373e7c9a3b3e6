//! Calls that a library can see to be wrong: a status each, and no result.

use crate::caller::{Caller, budget, file, get, seed};
use ringfence_runtime::ffi::*;
use std::mem::MaybeUninit;
use std::ptr::{null, null_mut};

/// The statuses of all verbs that take a smoother and an image.
fn verbs(smoother: *const CSmoother, image: *const CImage) -> Vec<Status> {
    let (seed, certify, predict) =
        (seed(), budget(Method::TwoStage, 4, 8, 0), budget(Method::Predict, 0, 8, 0));
    let mut run = Box::new(MaybeUninit::zeroed());
    let status = |result: Result<(), Status>| result.err().unwrap_or(Status::Ok);
    unsafe {
        vec![
            status(get(|class| ringfence_classify(smoother, image, class)).map(|_| ())),
            status(get(|verdict| ringfence_vote(smoother, image, &seed, 2, 0, verdict)).map(|_| ())),
            status(get(|out| ringfence_predict(smoother, image, &seed, &predict, out)).map(|_| ())),
            status(get(|out| ringfence_certify(smoother, image, &seed, &certify, out)).map(|_| ())),
            ringfence_run_begin(smoother, image, &seed, &certify, run.as_mut_ptr()),
        ]
    }
}

/// All verbs answer the same.
#[track_caller]
fn assert_all(found: &[Status], expected: Status) {
    assert!(found.iter().all(|status| *status == expected), "{found:?}, {expected:?} expected");
}

/// A pointer to a copy of a struct at an address that does not fit it; only the address is looked at.
fn misaligned<T>(at: *const T) -> *mut T {
    at.cast_mut().wrapping_byte_add(1)
}

#[test]
fn models_are_asked_with_good_pointers() {
    let caller = Caller::new(&file(), 1);
    let (model, shifted, zero) = (caller.model(), misaligned(caller.model()), MaybeUninit::zeroed());
    let ask = |model: *const CModel| unsafe {
        let mut length = 0;
        [
            get(|info: *mut CInfo| ringfence_model_info(model, info)).map(|_| ()),
            get(|bytes| ringfence_arena_bytes(model, 1, bytes)).map(|_| ()),
            get(|name| ringfence_class_name(model, 0, name, &mut length)).map(|_| ()),
            get(|sha256| ringfence_model_sha256(model, sha256)).map(|_| ()),
            get(|budget: *mut CBudget| ringfence_table(model, 0, budget)).map(|_| ()),
        ]
    };
    for (model, expected) in [
        (model, Ok(())),
        (null(), Err(Status::NullPointer)),
        (shifted.cast_const(), Err(Status::Misaligned)),
        (zero.as_ptr(), Err(Status::NotParsed)),
    ] {
        assert_eq!(ask(model), [expected; 5]);
    }
    let (mut name, mut length) = (null(), 0);
    unsafe {
        assert_eq!(ringfence_model_info(model, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_arena_bytes(model, 1, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_class_name(model, 0, null_mut(), &mut length), Status::NullPointer);
        assert_eq!(ringfence_class_name(model, 0, &mut name, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_model_sha256(model, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_table(model, 0, null_mut()), Status::NullPointer);
        let info: CInfo = get(|info| ringfence_model_info(model, info)).unwrap();
        for class in [info.classes, u32::MAX] {
            assert_eq!(ringfence_class_name(model, class, &mut name, &mut length), Status::Index);
        }
        for table in [info.tables, u32::MAX] {
            assert_eq!(get(|budget: *mut CBudget| ringfence_table(model, table, budget)), Err(Status::Index));
        }
        assert_eq!((name, length), (null(), 0));
    }
}

#[test]
fn files_are_parsed_with_good_pointers() {
    let mut caller = Caller::new(&file(), 1);
    let (model, length) = (caller.model.as_mut_ptr().cast::<CModel>(), caller.file.len());
    let file = caller.file.as_ptr();
    unsafe {
        assert_eq!(ringfence_model_parse(file, length, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_model_parse(file, length, misaligned(model)), Status::Misaligned);
        assert_eq!(ringfence_model_parse(null(), length, model), Status::NullPointer);
        assert_eq!(ringfence_model_parse(file, usize::MAX / 2 + 1, model), Status::Length);
        assert_eq!(ringfence_model_parse(model.cast(), 100, model), Status::Overlap);
    }
}

#[test]
fn verbs_take_good_pointers() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image) = (caller.smoother(), caller.image());
    assert_all(&verbs(&smoother, &image), Status::Ok);
    assert_all(&verbs(null(), &image), Status::NullPointer);
    assert_all(&verbs(&smoother, null()), Status::NullPointer);
    assert_all(&verbs(misaligned(&smoother), &image), Status::Misaligned);
    assert_all(&verbs(&smoother, misaligned(&image)), Status::Misaligned);
    let zero = MaybeUninit::zeroed();
    for (model, status) in [
        (null(), Status::NullPointer),
        (misaligned(smoother.model).cast_const(), Status::Misaligned),
        (zero.as_ptr(), Status::NotParsed),
    ] {
        assert_all(&verbs(&CSmoother { model, ..smoother }, &image), status);
    }
    let (seed, good, run) = (seed(), budget(Method::TwoStage, 4, 8, 0), &mut MaybeUninit::<CRun>::zeroed());
    let mut outcome = MaybeUninit::<COutcome>::zeroed();
    let (run, outcome) = (run.as_mut_ptr(), outcome.as_mut_ptr());
    let certify =
        |seed, budget, outcome| unsafe { ringfence_certify(&smoother, &image, seed, budget, outcome) };
    let begin = |seed, budget, run| unsafe { ringfence_run_begin(&smoother, &image, seed, budget, run) };
    assert_eq!(certify(null(), &good, outcome), Status::NullPointer);
    assert_eq!(certify(&seed, null(), outcome), Status::NullPointer);
    assert_eq!(certify(&seed, misaligned(&good), outcome), Status::Misaligned);
    assert_eq!(certify(&seed, &good, null_mut()), Status::NullPointer);
    assert_eq!(certify(&seed, &good, misaligned(outcome)), Status::Misaligned);
    assert_eq!(begin(null(), &good, run), Status::NullPointer);
    assert_eq!(begin(&seed, null(), run), Status::NullPointer);
    assert_eq!(begin(&seed, &good, null_mut()), Status::NullPointer);
    assert_eq!(begin(&seed, &good, misaligned(run)), Status::Misaligned);
    unsafe {
        assert_eq!(ringfence_classify(&smoother, &image, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_vote(&smoother, &image, &seed, 1, 0, null_mut()), Status::NullPointer);
        let nowhere: *mut CVerdict = null_mut();
        assert_eq!(ringfence_vote(&smoother, &image, null(), 1, 0, nowhere), Status::NullPointer);
        let predict = budget(Method::Predict, 0, 8, 0);
        assert_eq!(ringfence_predict(&smoother, &image, &seed, &predict, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_run_step(null_mut(), 1, &mut false), Status::NullPointer);
        assert_eq!(ringfence_run_step(misaligned(run), 1, &mut false), Status::Misaligned);
        assert_eq!(ringfence_run_progress(null(), null_mut()), Status::NullPointer);
        assert_eq!(ringfence_run_finish(null(), outcome), Status::NullPointer);
        assert_eq!(begin(&seed, &good, run), Status::Ok);
        assert_eq!(ringfence_run_step(run, 1, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_run_progress(run, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_run_finish(run, null_mut()), Status::NullPointer);
        assert_eq!(ringfence_image_sha256(null(), null_mut()), Status::NullPointer);
        assert_eq!(ringfence_image_sha256(&image, null_mut()), Status::NullPointer);
    }
}

#[test]
fn arenas_are_long_enough_and_apart() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image) = (caller.smoother(), caller.image());
    let refused = |arena, arena_bytes, status| {
        assert_all(&verbs(&CSmoother { arena, arena_bytes, ..smoother }, &image), status);
    };
    let (arena, arena_bytes) = (smoother.arena, smoother.arena_bytes);
    for short in [0, 1, arena_bytes - 1] {
        refused(arena, short, Status::ArenaTooSmall);
    }
    refused(null_mut(), arena_bytes, Status::NullPointer);
    refused(arena, usize::MAX / 2 + 1, Status::Length);
    let last = |at: *const u8, length: usize| at.cast_mut().wrapping_add(length - 1);
    refused(image.pixels.cast_mut(), 1, Status::Overlap);
    refused(last(image.pixels, image.length), 1, Status::Overlap);
    refused(smoother.model.cast_mut().cast(), 1, Status::Overlap);
    refused(last(smoother.model.cast(), size_of::<CModel>()), 1, Status::Overlap);
    refused(caller.file.as_ptr().cast_mut(), 1, Status::Overlap);
    refused(last(caller.file.as_ptr(), caller.file.len()), 1, Status::Overlap);
    let mut run = [0u64; RUN_WORDS];
    let (run, good) = (run.as_mut_ptr().cast::<u8>(), budget(Method::TwoStage, 4, 8, 0));
    let begin = |arena, arena_bytes| {
        let within = CSmoother { arena, arena_bytes, ..smoother };
        unsafe { ringfence_run_begin(&within, &image, &seed(), &good, run.cast()) }
    };
    assert_eq!(begin(run, 1), Status::Overlap);
    assert_eq!(begin(last(run, size_of::<CRun>()), 1), Status::Overlap);
    assert_eq!(begin(run, usize::MAX / 2 + 1), Status::Length);
}

#[test]
fn images_have_the_models_shape() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image) = (caller.smoother(), caller.image());
    let refused = |image: CImage, status| assert_all(&verbs(&smoother, &image), status);
    for length in [0, 1, image.length - 1] {
        refused(CImage { length, ..image }, Status::ImageLength);
    }
    refused(CImage { length: usize::MAX, ..image }, Status::Length);
    refused(CImage { pixels: null(), ..image }, Status::NullPointer);
    refused(CImage { layout: 2, ..image }, Status::UnknownValue);
    refused(CImage { channels: 0, ..image }, Status::ImageShape);
    refused(CImage { channels: u32::MAX, height: u32::MAX, width: u32::MAX, ..image }, Status::ImageShape);
    let pixels = vec![0; 2 * image.length];
    let twice =
        CImage { pixels: pixels.as_ptr(), length: 2 * image.length, height: 2 * image.height, ..image };
    refused(twice, Status::ImageShape);
    let digest =
        |image: &CImage| get(|sha256: *mut CSha256| unsafe { ringfence_image_sha256(image, sha256) });
    assert_eq!(
        digest(&CImage { length: 1, ..image }).err(),
        (image.length != 1).then_some(Status::ImageLength)
    );
    assert_eq!(digest(&CImage { layout: 7, ..image }), Err(Status::UnknownValue));
}

#[test]
fn numbers_and_names_are_known() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image) = (caller.smoother(), caller.image());
    assert_all(&verbs(&CSmoother { generator: 2, ..smoother }, &image), Status::UnknownValue);
    for name in [c"", c"avx", c"scala", c"scalar2", c"AVX2"] {
        assert_all(&verbs(&CSmoother { backend: name.as_ptr(), ..smoother }, &image), Status::Backend);
    }
    let foreign = if cfg!(target_arch = "aarch64") { c"avx2" } else { c"neon" };
    assert_all(&verbs(&CSmoother { backend: foreign.as_ptr(), ..smoother }, &image), Status::Backend);
    let vote = |n, kind| {
        get(|verdict: *mut CVerdict| unsafe { ringfence_vote(&smoother, &image, &seed(), n, kind, verdict) })
    };
    assert_eq!(vote(0, 0), Err(Status::NoSamples));
    assert_eq!(vote(1, 3), Err(Status::UnknownValue));
    assert_eq!(vote(1, u32::MAX), Err(Status::UnknownValue));
}

#[test]
fn budgets_have_a_table() {
    let mut caller = Caller::new(&file(), 1);
    let (smoother, image) = (caller.smoother(), caller.image());
    let certify = |budget: CBudget| {
        let outcome: Result<COutcome, Status> =
            get(|out| unsafe { ringfence_certify(&smoother, &image, &seed(), &budget, out) });
        outcome.err()
    };
    let good = budget(Method::TwoStage, 4, 8, 0);
    assert_eq!(certify(good), None);
    for wrong in [
        CBudget { n0: 5, ..good },
        CBudget { n: 0, ..good },
        CBudget { target: 1, ..good },
        CBudget { alpha: 0.100_000_1, ..good },
        CBudget { alpha: f64::NAN, ..good },
        budget(Method::SingleStage, 4, 8, 0),
        budget(Method::SingleStage, 0, 8, 1),
        budget(Method::Sequential, 0, 8, 999),
        budget(Method::Sequential, 1, 8, 1000),
    ] {
        assert_eq!(certify(wrong), Some(Status::NoTable), "{wrong:?}");
    }
    assert_eq!(certify(budget(Method::Predict, 0, 8, 0)), Some(Status::Method));
    for method in [0, 5, 257, u32::MAX] {
        assert_eq!(certify(CBudget { method, ..good }), Some(Status::UnknownValue));
    }
    let predict = |budget: CBudget| {
        let prediction: Result<CPrediction, Status> =
            get(|out| unsafe { ringfence_predict(&smoother, &image, &seed(), &budget, out) });
        prediction.err()
    };
    assert_eq!(predict(budget(Method::Predict, 0, 8, 0)), None);
    assert_eq!(predict(budget(Method::Predict, 0, 9, 0)), Some(Status::NoTable));
    assert_eq!(predict(budget(Method::Predict, 1, 8, 0)), Some(Status::NoTable));
    assert_eq!(predict(budget(Method::Predict, 0, 0, 0)), Some(Status::NoSamples));
    assert_eq!(predict(good), Some(Status::Method));
}
