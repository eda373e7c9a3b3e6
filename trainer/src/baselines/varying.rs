//! Smoothing whose deviation depends on the image (Súkeník, Kuvshinov and Günnemann 2022, arXiv:2110.05365).

use super::chi_squared::noncentral_chi_squared;
use statrs::distribution::{ContinuousCDF, Normal};

/// Noise of deviation `sigma(x)`, whose logarithm changes by at most `rate` for every unit of L2 distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Varying {
    /// Deviation at the image.
    pub sigma: f64,
    /// Largest slope of its logarithm; 0: the same everywhere.
    pub rate: f64,
    /// Values of an image.
    pub values: usize,
}

/// Deviations closer than this, relative, are one.
const SAME: f64 = 1e-9;

/// The least `x` whose probability is at least `p`.
fn quantile(p: f64, degrees: f64, offset: f64) -> f64 {
    let mean = degrees + offset;
    let deviation = (2.0 * (degrees + 2.0 * offset)).sqrt();
    let (mut low, mut high) = (0.0, mean + 60.0 * deviation);
    while high - low > 1e-13 * high {
        let middle = f64::midpoint(low, high);
        if noncentral_chi_squared(middle, degrees, offset) < p {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

impl Varying {
    /// The least probability that a class of probability `p` here can have at distance `away` where the deviation is
    /// `there`. The worst set is a ball or what is outside one, since it is the likelihood ratio's (Neyman and Pearson).
    #[must_use]
    pub fn worst(&self, p: f64, away: f64, there: f64) -> f64 {
        let (here, degrees) = (self.sigma, self.values as f64);
        let gap = here * here - there * there;
        if gap.abs() < SAME * here * here {
            let normal = Normal::standard();
            return normal.cdf(normal.inverse_cdf(p) - away / here.min(there));
        }
        let [offset, moved] = [here, there].map(|sigma| (sigma * away / gap).powi(2));
        let ratio = (here / there).powi(2);
        if gap > 0.0 {
            // The others take a ball.
            1.0 - noncentral_chi_squared(quantile(1.0 - p, degrees, offset) * ratio, degrees, moved)
        } else {
            noncentral_chi_squared(quantile(p, degrees, offset) * ratio, degrees, moved)
        }
    }

    /// Whether a class of probability `p` here has the most at distance `away`, whatever the deviation is there. The
    /// extreme ones are the worst (theorem 4 of the paper).
    fn holds(&self, p: f64, away: f64) -> bool {
        [-1.0, 1.0].iter().all(|side| {
            let there = self.sigma * (side * self.rate * away).exp();
            self.worst(p, away, there) > 0.5
        })
    }

    /// L2 radius within which a class of probability `p` stays the most likely one; 0 if `p` is not above 1/2.
    #[must_use]
    pub fn radius(&self, p: f64) -> f64 {
        if p <= 0.5 || p.is_nan() {
            return 0.0;
        }
        let most = self.sigma * Normal::standard().inverse_cdf(p.min(1.0 - 1e-15));
        // From below, so that no region beyond a gap is claimed.
        let mut low = 0.0;
        let mut step = most / 64.0;
        while step > 1e-7 * most {
            while low + step <= 2.0 * most && self.holds(p, low + step) {
                low += step;
            }
            step /= 8.0;
        }
        low
    }
}
