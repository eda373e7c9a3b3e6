//! Whole verbs: one call, one result.

use super::memory::{Out, read};
use super::outputs::Answer;
use super::{CBudget, CImage, COutcome, CPrediction, CSeed, CSmoother, CVerdict, Status, Vote};
use crate::smooth::{Error, Image, Smoother};

/// Does the work of a verb on a smoother and an image, and writes its result.
///
/// # Safety
/// The contract of the verbs below.
unsafe fn verb<T, U: Answer<T>>(
    (smoother, image): (*const CSmoother, *const CImage),
    result: *mut U,
    work: impl FnOnce(&mut Smoother<'_, '_, '_>, &Image<'_>) -> Result<T, Error>,
) -> Result<(), Status> {
    // SAFETY: by the contract of this function.
    let (smoother, image, result) = unsafe { (read(smoother)?, read(image)?, Out::new(result)?) };
    // SAFETY: by the contract of this function.
    let (mut smoother, image) = unsafe { smoother.open(&image) }?;
    result.fill(&work(&mut smoother, &image)?);
    Ok(())
}

/// The network's class of the image itself: one pass without noise, nothing is proved about it.
///
/// # Safety
/// `smoother` and `image` point to structs as described there, `class_index` to a number that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_classify(
    smoother: *const CSmoother,
    image: *const CImage,
    class_index: *mut u32,
) -> Status {
    // SAFETY: by the contract of this function.
    Status::of(|| unsafe { verb((smoother, image), class_index, |smoother, image| smoother.classify(image)) })
}

/// The class that `n` noisy samples elect, without a certificate.
///
/// # Safety
/// `smoother`, `image` and `seed` point to structs as described there, `verdict` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_vote(
    smoother: *const CSmoother,
    image: *const CImage,
    seed: *const CSeed,
    n: u32,
    vote: u32,
    verdict: *mut CVerdict,
) -> Status {
    // SAFETY: by the contract of this function.
    Status::of(|| unsafe {
        let (seed, vote) = (read(seed)?.into(), Vote::parse(vote)?);
        verb((smoother, image), verdict, |smoother, image| smoother.vote(image, &seed, n, vote))
    })
}

/// PREDICT of Cohen et al. (2019): the smoothed classifier's class, or an abstention, from `budget->n` samples and a table of
/// the model for at least as many.
///
/// # Safety
/// `smoother`, `image`, `seed` and `budget` point to structs as described there, `prediction` to a struct that can be
/// written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_predict(
    smoother: *const CSmoother,
    image: *const CImage,
    seed: *const CSeed,
    budget: *const CBudget,
    prediction: *mut CPrediction,
) -> Status {
    // SAFETY: by the contract of this function.
    Status::of(|| unsafe {
        let (seed, (n, alpha)) = (read(seed)?.into(), read(budget)?.parse_predict()?);
        verb((smoother, image), prediction, |smoother, image| smoother.predict(image, n, alpha, &seed))
    })
}

/// Certifies an image in one call: `budget->n0 + budget->n` passes of the network, fewer if sequential. To be interrupted,
/// see `ringfence_run_begin`.
///
/// # Safety
/// `smoother`, `image`, `seed` and `budget` point to structs as described there, `outcome` to a struct that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ringfence_certify(
    smoother: *const CSmoother,
    image: *const CImage,
    seed: *const CSeed,
    budget: *const CBudget,
    outcome: *mut COutcome,
) -> Status {
    // SAFETY: by the contract of this function.
    Status::of(|| unsafe {
        let (seed, budget) = (read(seed)?.into(), read(budget)?.parse()?);
        verb((smoother, image), outcome, |smoother, image| smoother.certify(image, budget, &seed))
    })
}
