//! How sure an accuracy is.

use ringfence::certificate::lower_bound;

/// Two-sided 95 % interval of a share of which `count` of `n` were seen (Clopper and Pearson 1934); all of `[0, 1]` for no
/// images, or more than the bound is computed for.
#[must_use]
pub fn clopper_pearson_95(count: usize, n: usize) -> [f64; 2] {
    let below = |count: usize| {
        let bound = u32::try_from(count).ok().zip(u32::try_from(n).ok());
        bound.and_then(|(count, n)| lower_bound(count, n, 0.025).ok()).unwrap_or(0.0)
    };
    [below(count), 1.0 - below(n.saturating_sub(count))]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last four are Newcombe's (1998, Statistics in Medicine 17, table I); none of n gives `1 - 0.025^(1/n)`.
    #[test]
    fn intervals_are_the_published_ones() {
        let published = [
            ((0, 10), [0.0, 0.3085]),
            ((10, 10), [0.6915, 1.0]),
            ((5, 10), [0.1871, 0.8129]),
            ((81, 263), [0.2527, 0.3676]),
            ((15, 148), [0.0578, 0.1617]),
            ((0, 20), [0.0, 0.1684]),
            ((1, 29), [0.0009, 0.1776]),
        ];
        for ((count, n), expected) in published {
            let found = clopper_pearson_95(count, n);
            for (f, e) in found.iter().zip(expected) {
                assert!((f - e).abs() < 6e-5, "{count} of {n}: {found:?}, published {expected:?}");
            }
        }
        assert!((clopper_pearson_95(0, 50)[1] - (1.0 - 0.025f64.powf(1.0 / 50.0))).abs() < 1e-9);
        assert_eq!(clopper_pearson_95(0, 0), [0.0, 1.0]);
        // A whole test set: the normal approximation with half an image of continuity correction.
        let [low, high] = clopper_pearson_95(5000, 10_000);
        assert!((low - 0.490_15).abs() < 1e-5 && (high - 0.509_85).abs() < 1e-5, "{low} {high}");
    }
}
