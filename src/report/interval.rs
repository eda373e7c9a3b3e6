//! Confidence interval of a proportion.

/// The 97.5 % quantile of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % score interval of a proportion of which `successes` out of `trials` were seen (Wilson, "Probable inference,
/// the law of succession, and statistical inference", 1927). Both ends lie in `[0, 1]`; without trials it is all of it.
#[must_use]
pub fn wilson_95(successes: usize, trials: usize) -> (f64, f64) {
    if trials == 0 {
        return (0.0, 1.0);
    }
    let (n, share) = (trials as f64, successes as f64 / trials as f64);
    let z2 = Z * Z;
    let centre = (share + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    // At the ends centre and half are equal in the reals only.
    let low = if successes == 0 { 0.0 } else { (centre - half).max(0.0) };
    let high = if successes == trials { 1.0 } else { (centre + half).min(1.0) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::wilson_95;

    fn close(found: (f64, f64), expected: (f64, f64)) {
        assert!((found.0 - expected.0).abs() < 5e-5 && (found.1 - expected.1).abs() < 5e-5, "{found:?}");
    }

    /// Worked values of Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I, method 3.
    #[test]
    fn equals_published_values() {
        close(wilson_95(81, 263), (0.2553, 0.3662));
        close(wilson_95(15, 148), (0.0624, 0.1605));
        close(wilson_95(0, 20), (0.0, 0.1611));
        close(wilson_95(1, 29), (0.0061, 0.1718));
    }

    #[test]
    fn ends_stay_in_range() {
        assert_eq!(wilson_95(0, 0), (0.0, 1.0));
        assert_eq!(wilson_95(0, 1000).0, 0.0);
        assert_eq!(wilson_95(500, 500).1, 1.0);
        let (low, high) = wilson_95(7, 7);
        assert!(low > 0.6 && high <= 1.0 && high > 0.999_999);
    }
}
