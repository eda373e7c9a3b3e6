//! Restarts, and classes aimed at in turn, of an attack of a fixed size.

use super::oracle::{Oracle, pick};
use burn::tensor::Tensor;

/// Runs `climb` (restart, rival classes) over `restarts` and over each of `rivals` (none: once, away from the label), until
/// all images fool. Returns for each the first image that does, or the original; and whether there is one.
pub(super) fn rounds(
    oracle: &Oracle,
    (images, labels): (&Tensor<4>, &[i32]),
    restarts: u32,
    rivals: Option<usize>,
    climb: &dyn Fn(u32, Option<&[i32]>) -> Tensor<4>,
) -> (Tensor<4>, Vec<bool>) {
    let (mut best, mut fooled) = (images.clone(), oracle.fooled(images, labels));
    let aims: Vec<Option<Vec<i32>>> = match rivals {
        None => vec![None],
        Some(count) => oracle.rivals(images, labels, count).into_iter().map(Some).collect(),
    };
    for restart in 0..restarts {
        for aim in &aims {
            if fooled.iter().all(|f| *f) {
                return (best, fooled);
            }
            let x = climb(restart, aim.as_deref());
            let now = oracle.fooled(&x, labels);
            let take: Vec<bool> = fooled.iter().zip(&now).map(|(before, now)| !before && *now).collect();
            best = pick(&take, x, best);
            fooled.iter_mut().zip(now).for_each(|(f, n)| *f |= n);
        }
    }
    (best, fooled)
}
