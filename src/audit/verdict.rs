//! How many violations the confidence of the certificates allows.

use statrs::distribution::{Binomial, DiscreteCDF};

/// Probability that an audit rejects certificates which err with probability alpha each.
pub const REJECT_LEVEL: f64 = 0.001;

/// The result of a whole audit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Certificates attacked.
    pub certificates: u64,
    /// Certificates violated.
    pub violations: u64,
    /// Wrong statements that the certificates may hold on average: their number times alpha.
    pub expected: f64,
    /// The least number of violations that shows, at [`REJECT_LEVEL`], that they err more often than that.
    pub rejects_at: u64,
}

impl Verdict {
    /// Judges `violations` of `certificates` with error probability `alpha` in (0, 1) each.
    #[must_use]
    pub fn new(certificates: u64, violations: u64, alpha: f64) -> Self {
        let expected = certificates as f64 * alpha;
        Self { certificates, violations, expected, rejects_at: rejects_at(certificates, alpha) }
    }

    /// Whether the number of violations is one that alpha allows.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations < self.rejects_at
    }
}

/// The least v with `P[Bin(n, alpha) >= v] <= REJECT_LEVEL`; `n + 1` if not even n is as rare.
fn rejects_at(n: u64, alpha: f64) -> u64 {
    let Ok(binomial) = Binomial::new(alpha, n) else { return 1 };
    // sf(v) is P[Bin > v].
    (1..=n).find(|v| binomial.sf(v - 1) <= REJECT_LEVEL).unwrap_or(n + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Poisson tails with mean 2: P[X >= 8] = 0.00110, P[X >= 9] = 0.00024; the binomial's are smaller by less.
    #[test]
    fn the_bound_is_the_binomial_tail() {
        let verdict = Verdict::new(2000, 8, 0.001);
        assert_eq!(verdict.rejects_at, 9);
        assert!(verdict.holds() && !Verdict::new(2000, 9, 0.001).holds());
        assert!((verdict.expected - 2.0).abs() < 1e-12);
        // 0.02^2 = 0.0004 and 2 * 0.02 * 0.98 + 0.0004 = 0.0396.
        assert_eq!(rejects_at(2, 0.02), 2);
        assert_eq!(rejects_at(1, 0.5), 2);
        assert_eq!(rejects_at(0, 0.001), 1);
        assert!(Verdict::new(0, 0, 0.001).holds());
    }
}
