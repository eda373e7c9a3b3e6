//! The numbers of both steps of noise.

use dashu::integer::UBig;
use ringfence_runtime::format::Adaptive;
use ringfence_runtime::format::layout::{self, VARIANCE_FRACTION};

use crate::compile::CompileError;
use crate::data::Shape;
use crate::noise::dyadic::Dyadic;
use crate::noise::{self, NoiseError, NoiseTable, QuantileTable};

/// Shares of the first step that are possible.
const SPLITS: std::ops::RangeInclusive<f64> = 0.01..=0.99;

/// Largest total variation distance of the second step, 1e-4 in units of 2^-64. It is charged to every certificate.
const MAX_CHARGE: u64 = 1_844_674_407_370_955;

/// Deviations of both steps of noise and the tables to draw it.
#[derive(Clone, Debug)]
pub struct Steps {
    /// Noise of the first step, of deviation sigma / sqrt(a).
    pub first: NoiseTable,
    sigma: f64,
    split: f64,
    variance: u64,
    deviation: u32,
    tv_budget: u64,
    quantiles: &'static QuantileTable,
}

impl Steps {
    /// The steps that together are worth noise of deviation `sigma` (pixels of [0, 1]), for images of `shape`.
    ///
    /// # Errors
    /// Numbers out of range.
    pub fn new(sigma: f64, split: f64, shape: Shape) -> Result<Self, CompileError> {
        if !SPLITS.contains(&split) {
            let reason = format!("{split} is outside {}..={}", SPLITS.start(), SPLITS.end());
            return Err(CompileError::Option { option: "--budget-split", reason });
        }
        if !noise::SIGMA_RANGE.contains(&sigma) {
            return Err(NoiseError::Sigma { sigma }.into());
        }
        let first = noise::generate(first_deviation(sigma, split), shape.bytes())?;
        let deviation = Dyadic::from_f64(first.sigma).ceil_times(255 * 255) as u32;
        let tv_budget = noise::second_step_budget(deviation, shape.bytes());
        if tv_budget > MAX_CHARGE {
            let found = tv_budget as f64 / 2f64.powi(64);
            return Err(NoiseError::Budget { sigma, values: shape.bytes(), found }.into());
        }
        let variance = variance(sigma, split, shape.height * shape.width);
        let variance = u64::try_from(variance).map_err(|_| NoiseError::Sigma { sigma })?;
        let quantiles = noise::quantiles()?;
        Ok(Self { first, sigma, split, variance, deviation, tv_budget, quantiles })
    }

    /// As the runtime sees them.
    #[must_use]
    pub fn view(&self, source_sha256: [u8; 32]) -> Adaptive<'static> {
        Adaptive {
            sigma_bits: self.sigma.to_bits(),
            split_bits: self.split.to_bits(),
            variance: self.variance,
            first: self.deviation,
            tv_budget: self.tv_budget,
            quantiles: self.quantiles,
            source_sha256,
        }
    }

    /// The ADAPTIVE section.
    #[must_use]
    pub fn to_bytes(&self, source_sha256: [u8; 32]) -> Vec<u8> {
        use layout::adaptive as at;
        let mut bytes = vec![0; layout::ADAPTIVE_HEADER_BYTES];
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(at::SIGMA, &self.sigma.to_le_bytes());
        put(at::SPLIT, &self.split.to_le_bytes());
        put(at::VARIANCE, &self.variance.to_le_bytes());
        put(at::TV_BUDGET, &self.tv_budget.to_le_bytes());
        put(at::FIRST, &self.deviation.to_le_bytes());
        put(at::SOURCE_SHA256, &source_sha256);
        bytes.extend(self.quantiles.as_flattened());
        bytes
    }
}

/// The least float near `sigma / sqrt(split)` that is not below it.
fn first_deviation(sigma: f64, split: f64) -> f64 {
    let [(sigma_n, sigma_d), (split_n, split_d)] =
        [sigma, split].map(|value| Dyadic::from_f64(value).ratio());
    let needed = sigma_n.pow(2) * split_d;
    let enough = |first: f64| {
        let (n, d) = Dyadic::from_f64(first).ratio();
        n.pow(2) * &split_n * sigma_d.pow(2) >= &needed * d.pow(2)
    };
    let mut first = (sigma / split.sqrt()).next_down().next_down();
    while !enough(first) {
        first = first.next_up();
    }
    first
}

/// `255^2 sigma^2 / ((1 - split) pixels)` in units of 2^-32, rounded up.
fn variance(sigma: f64, split: f64, pixels: usize) -> UBig {
    let [(sigma_n, sigma_d), (split_n, split_d)] =
        [sigma, split].map(|value| Dyadic::from_f64(value).ratio());
    let numerator = (sigma_n.pow(2) * UBig::from(255u32 * 255) * &split_d) << VARIANCE_FRACTION as usize;
    let denominator = sigma_d.pow(2) * (split_d - split_n) * UBig::from(pixels);
    (numerator + &denominator - UBig::ONE) / denominator
}
