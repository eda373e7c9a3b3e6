//! The largest value a check accepts, near a guess.

/// The largest accepted value in `low..high`; `low` itself is taken as accepted.
///
/// `accept` must be true up to some value and false above it. The guess, which may be wrong, only shortens
/// the search.
pub(super) fn largest(low: u64, high: u64, guess: u64, accept: impl Fn(u64) -> bool) -> u64 {
    let (mut low, mut high) = (low, high); // low is accepted, high is not
    let (mut at, mut step) = (guess, 1);
    while high - low > 1 {
        at = at.clamp(low + 1, high - 1);
        if accept(at) {
            low = at;
            at = at.saturating_add(step);
        } else {
            high = at;
            at = at.saturating_sub(step);
        }
        step = step.saturating_mul(2);
        // Once both ends were moved by checks, halving is quickest.
        if high - low <= step {
            at = low + (high - low) / 2;
        }
    }
    low
}
