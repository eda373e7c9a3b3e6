//! Certification in steps: for main loops, watchdogs and deadlines.

use super::memory::{Out, Span, check, read};
use super::{CBudget, CImage, COutcome, CSeed, CSmoother, Status};
use crate::smooth::Progress;
use core::mem::{MaybeUninit, align_of, size_of};

/// Words of a `ringfence_run`.
pub const RUN_WORDS: usize = 168;

/// What word 0 of a struct with a run holds.
const TAG: u64 = u64::from_le_bytes(*b"RF.A.RUN");

/// A certification under way, in memory of the caller.
///
/// Made by `ringfence_run_begin`, advanced by `ringfence_run_step`; it may be left or begun anew at any time, nothing needs to be
/// freed. Model file, model struct, arena, backend name and image must stay in place, image and model unchanged, until the
/// last step. One thread at a time may use it. A struct of zero bytes, or one whose begin failed, is recognised
/// (RINGFENCE_STATUS_NOT_BEGUN); one of arbitrary bytes is not.
#[repr(C)]
#[derive(Debug)]
pub struct CRun {
    /// Private.
    words: [MaybeUninit<u64>; RUN_WORDS],
}

/// What lies behind the tag.
struct State {
    smoother: CSmoother,
    image: CImage,
    progress: Progress<'static>,
}

const _: () = assert!(size_of::<State>() <= size_of::<CRun>() - size_of::<u64>());
const _: () = assert!(align_of::<State>() <= align_of::<CRun>());

/// How far a run has come.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CProgress {
    /// Samples done.
    pub done: u64,
    /// Samples of the whole run; a sequential one may need fewer.
    pub total: u64,
    /// Whether the outcome is there.
    pub finished: bool,
}

impl CRun {
    /// The state in a struct of the caller.
    ///
    /// # Safety
    /// If `at` is neither null nor misaligned, it is valid for reads, and holds zeros or what `ringfence_run_begin` put there.
    unsafe fn state(at: *const Self) -> Result<*const State, Status> {
        check(at)?;
        // SAFETY: neither null nor misaligned; the rest is the caller's promise.
        if unsafe { at.cast::<u64>().read() } != TAG {
            return Err(Status::NotBegun);
        }
        Ok(at.cast::<u64>().wrapping_add(1).cast())
    }
}

/// Begins a certification: everything is checked and kept in `*run`, no sample is drawn yet.
///
/// # Safety
/// `smoother`, `image`, `seed` and `budget` point to structs as described there, `run` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_run_begin(
    smoother: *const CSmoother,
    image: *const CImage,
    seed: *const CSeed,
    budget: *const CBudget,
    run: *mut CRun,
) -> Status {
    Status::of(|| {
        check(run)?;
        let words = run.cast::<u64>();
        // SAFETY: checked, and writable by the contract of this function.
        unsafe { words.write(0) };
        // SAFETY: by the contract of this function.
        let (smoother, image, seed, budget) =
            unsafe { (read(smoother)?, read(image)?, read(seed)?, read(budget)?) };
        Span::of(run).apart_from(Span::new(smoother.arena, smoother.arena_bytes)?)?;
        // SAFETY: by the contract of this function.
        let (opened, _) = unsafe { smoother.open(&image) }?;
        let model = opened.model();
        let table = budget.parse()?.table(model)?;
        let progress = Progress::new(&table, &seed.into(), model)?;
        // SAFETY: as above; the state fits behind the tag.
        unsafe {
            words.add(1).cast::<State>().write(State { smoother, image, progress });
            words.write(TAG);
        }
        Ok(())
    })
}

/// Draws up to `samples` more samples, never more: a step of k samples takes k times as long as a step of one. So a deadline
/// is a number of samples, spent in steps. `*finished` becomes true when none are left to draw. However the samples are cut
/// into steps, the outcome is the same. After an error the run is as before the step, or has done a part of its samples.
///
/// # Safety
/// `run` points to a struct that `ringfence_run_begin` made, whose model, arena and image are still there; `finished` to a bool that
/// can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_run_step(run: *mut CRun, samples: u32, finished: *mut bool) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (state, finished) = unsafe { (CRun::state(run)?.cast_mut(), Out::new(finished)?) };
        // SAFETY: a state, by `ringfence_run_begin`, which nothing else refers to during this call.
        let State { smoother, image, progress } = unsafe { &mut *state };
        // SAFETY: by the contract of this function; that run and arena are apart was seen at the beginning.
        let (mut smoother, image) = unsafe { smoother.open(image) }?;
        finished.write(progress.advance(&mut smoother, &image, samples)?);
        Ok(())
    })
}

/// How far a run has come.
///
/// # Safety
/// `run` points to a struct that `ringfence_run_begin` made, `progress` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_run_progress(run: *const CRun, progress: *mut CProgress) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (state, progress) = unsafe { (CRun::state(run)?, Out::new(progress)?) };
        // SAFETY: a state, by `ringfence_run_begin`.
        let State { progress: votes, .. } = unsafe { &*state };
        let (done, total, finished) = (votes.done(), votes.total(), votes.is_decided());
        progress.write(CProgress { done, total, finished });
        Ok(())
    })
}

/// The outcome of a run that is finished; may be asked for more than once. An unfinished run gives
/// RINGFENCE_STATUS_UNFINISHED and claims nothing.
///
/// # Safety
/// `run` points to a struct that `ringfence_run_begin` made, `outcome` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_run_finish(run: *const CRun, outcome: *mut COutcome) -> Status {
    Status::of(|| {
        // SAFETY: by the contract of this function.
        let (state, outcome) = unsafe { (CRun::state(run)?, Out::new(outcome)?) };
        // SAFETY: a state, by `ringfence_run_begin`.
        let State { progress, .. } = unsafe { &*state };
        outcome.fill(&progress.outcome()?);
        Ok(())
    })
}
