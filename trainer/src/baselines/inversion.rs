//! Distribution of a sum of independent equal variables, from their characteristic function (Gil-Pelaez 1951).

/// The function of the sum at half steps of frequency.
#[derive(Debug, Clone)]
pub struct Sum {
    step: f64,
    /// Modulus and phase at `(k + 1/2) step`.
    waves: Vec<(f64, f64)>,
    mean: f64,
    deviation: f64,
}

/// Modulus below which frequencies do not count.
const FADED: f64 = 1e-12;
/// Deviations of the sum that one period of the inversion spans.
const PERIOD: f64 = 120.0;
/// Frequencies at most.
const MOST: usize = 1 << 14;

impl Sum {
    /// `count` variables that take `values` with the `weights`, which sum to 1. None if the sum is so far from normal that
    /// high frequencies do not fade: too few variables, or one value of them all.
    #[must_use]
    pub fn new(values: &[f64], weights: &[f64], count: usize) -> Option<Self> {
        let n = count as f64;
        let mean = values.iter().zip(weights).map(|(v, w)| v * w).sum::<f64>();
        let variance = values.iter().zip(weights).map(|(v, w)| (v - mean).powi(2) * w).sum::<f64>();
        let deviation = (n * variance).sqrt();
        if deviation.is_nan() || deviation <= 0.0 {
            return None;
        }
        let step = std::f64::consts::TAU / (PERIOD * deviation);
        let mut waves = vec![];
        while waves.len() < MOST {
            let u = (waves.len() as f64 + 0.5) * step;
            let (mut re, mut im) = (0.0, 0.0);
            for (v, w) in values.iter().zip(weights) {
                let (sin, cos) = (u * (v - mean)).sin_cos();
                re += w * cos;
                im += w * sin;
            }
            let modulus = (0.5 * n * (re * re + im * im).ln()).exp();
            if modulus < FADED {
                return Some(Self { step, waves, mean: n * mean, deviation });
            }
            waves.push((modulus, n * im.atan2(re)));
        }
        None
    }

    /// `P[sum <= t]`.
    #[must_use]
    pub fn below(&self, t: f64) -> f64 {
        let t = t - self.mean;
        let term = |(k, (modulus, phase)): (usize, &(f64, f64))| {
            let k = k as f64 + 0.5;
            modulus * (phase - k * self.step * t).sin() / k
        };
        let sum: f64 = self.waves.iter().enumerate().map(term).sum();
        (0.5 - sum / std::f64::consts::PI).clamp(0.0, 1.0)
    }

    /// Where half of the probability lies below.
    #[must_use]
    pub fn median(&self) -> f64 {
        let (mut low, mut high) = (self.mean - 3.0 * self.deviation, self.mean + 3.0 * self.deviation);
        for _ in 0..80 {
            let middle = f64::midpoint(low, high);
            if self.below(middle) < 0.5 {
                low = middle;
            } else {
                high = middle;
            }
        }
        high
    }
}
