//! Votes and scores per class.

use crate::format::MAX_CLASSES;
use heapless::Vec;

/// Votes per class.
pub type Counts = Vec<u32, MAX_CLASSES>;

/// Scores per class.
pub type Scores = Vec<u64, MAX_CLASSES>;

/// The class with the largest value; the lowest among equals; 0 for none.
pub fn top<T: PartialOrd>(values: &[T]) -> usize {
    let mut classes = values.iter().enumerate();
    let Some(mut best) = classes.next() else { return 0 };
    for (class, value) in classes {
        if value > best.1 {
            best = (class, value);
        }
    }
    best.0
}

/// Adds the votes of another range of samples of the same model.
pub fn add_counts(counts: &mut Counts, more: &Counts) {
    for (count, more) in counts.iter_mut().zip(more) {
        *count = count.saturating_add(*more);
    }
}

/// One zero per class; a model has at most [`MAX_CLASSES`].
pub(super) fn zeros<T: Clone + Default>(classes: usize) -> Vec<T, MAX_CLASSES> {
    core::iter::repeat_n(T::default(), classes.min(MAX_CLASSES)).collect()
}
