//! Whether one attack breaks more than another on the same images.

use super::Ran;
use statrs::distribution::{Binomial, DiscreteCDF};

/// Least probability of a difference that counts as chance.
const CHANCE: f64 = 0.01;

/// Two attacks on the same images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Versus {
    /// Images that only the first breaks.
    pub first_only: u64,
    /// Images that only the second breaks.
    pub second_only: u64,
    /// `P(X >= second_only)` for `X` binomial of both counts' sum and 1/2: the sign test.
    pub p: f64,
}

impl Versus {
    /// Compares where both verdicts are stable.
    #[must_use]
    pub fn new(first: &Ran, second: &Ran) -> Self {
        let only = |a: &Ran, b: &Ran| {
            let stable = a.unstable.iter().zip(&b.unstable).map(|(a, b)| !a && !b);
            a.wrong.iter().zip(&b.wrong).zip(stable).filter(|((a, b), s)| **a && !**b && *s).count() as u64
        };
        let (first_only, second_only) = (only(first, second), only(second, first));
        let below = second_only
            .checked_sub(1)
            .and_then(|at_most| Some(Binomial::new(0.5, first_only + second_only).ok()?.cdf(at_most)));
        Self { first_only, second_only, p: 1.0 - below.unwrap_or(0.0) }
    }

    /// Whether the second attack is stronger beyond chance.
    #[must_use]
    pub fn second_is_stronger(&self) -> bool {
        self.p < CHANCE
    }
}
