//! Noise tables with an exact total-variation budget.
//!
//! The certified noise is `round(255 sigma z)`, z standard normal, on the pixel grid (soundness.md section
//! 2). The runtime draws it by Walker's alias method (Walker, *An Efficient Method for Generating Discrete
//! Random Variables with General Distributions*, 1977) with thresholds of `64 - b` bits over `2^b` columns.
//! This module makes the table in integer arithmetic and bounds how far the table that is shipped lies from
//! the ideal distribution.
//!
//! Data flow: `gaussian` brackets Phi -> `pmf` brackets every cell and rounds it to units of 2^-64 -> `alias`
//! builds the columns -> `budget` reads the distribution back from the finished columns and charges the
//! difference.

mod alias;
mod budget;
pub(crate) mod dyadic;
pub(crate) mod gaussian;
mod pmf;
mod quantiles;
#[cfg(test)]
mod tests;

pub use quantiles::{ERROR_BITS, QuantileTable, quantiles, second_step_budget};

use thiserror::Error;

/// Smallest and largest standard deviation of the noise, in pixel units (full scale = 1). A larger one would
/// need 2^14 columns, whose values leave the +-2^13 of a noisy pixel in the model format.
pub const SIGMA_RANGE: std::ops::RangeInclusive<f64> = 0.01..=2.0;

/// Largest total variation distance charged to one image: 1e-6 in units of 2^-64, rounded down.
pub const MAX_TV_BUDGET: u64 = 18_446_744_073_709;

/// Why no noise table was made.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// Sigma lies outside [`SIGMA_RANGE`] or is not a number.
    #[error("sigma {sigma} is outside {}..={} pixel (full scale = 1)", SIGMA_RANGE.start(), SIGMA_RANGE.end())]
    Sigma {
        /// The given standard deviation.
        sigma: f64,
    },
    /// A polynomial of the normal quantile misses its bound; a defect of the generator, not of any input.
    #[error("segment {segment} of the normal quantile is not within its bound")]
    Quantile {
        /// Index of the segment.
        segment: usize,
    },
    /// The table is too far from the rounded Gaussian for images of this size.
    #[error(
        "sigma {sigma}: total variation distance {found:e} over {values} values an image, at most 1e-6 allowed"
    )]
    Budget {
        /// The given standard deviation.
        sigma: f64,
        /// The given number of values an image.
        values: usize,
        /// The distance found, rounded to a float for display.
        found: f64,
    },
}

/// Alias table of `round(255 sigma z)`; the NOISE section of a model file.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseTable {
    /// Standard deviation of the real Gaussian in pixel units, exactly this float.
    pub sigma: f64,
    /// b: the table has `2^b` columns, b in 6..=14.
    pub column_bits: u32,
    /// Noise value of column 0; column c stands for `min_value + c`.
    pub min_value: i32,
    /// Per column `hi << b | alias`: the leading `32 - b` bits of the threshold and the alias column.
    pub words: Vec<u32>,
    /// Per column the last 32 bits of the threshold.
    pub low: Vec<u32>,
    /// Bound of the total variation distance of a whole image's noise from the ideal, units of 2^-64, rounded
    /// up.
    pub tv_budget: u64,
}

impl NoiseTable {
    /// Exact distribution of the runtime's sampler over this table, read from the words alone: the mass of each
    /// column in units of 2^-64. Draw w; column = leading b bits, x = the rest; keep below the threshold, alias
    /// above, and on a tie keep iff the next word is below the threshold's low part.
    #[must_use]
    pub fn masses(&self) -> Vec<u128> {
        let bits = self.column_bits;
        let mut masses = vec![0u128; self.words.len()];
        for (column, (&entry, &low)) in self.words.iter().zip(&self.low).enumerate() {
            let hi = u128::from(entry >> bits);
            let alias = (entry & ((1 << bits) - 1)) as usize;
            let above = (1u128 << (32 - bits)) - 1 - hi;
            masses[column] += (hi << 32) + u128::from(low);
            masses[alias] += (1 << 32) - u128::from(low) + (above << 32);
        }
        masses
    }

    /// Words and low parts in little endian, for [`view`](Self::view).
    #[must_use]
    pub fn entry_bytes(&self) -> [Vec<[u8; 4]>; 2] {
        [&self.words, &self.low].map(|part| part.iter().map(|entry| entry.to_le_bytes()).collect())
    }

    /// The runtime's view of this table over its [`entry_bytes`](Self::entry_bytes).
    #[must_use]
    pub fn view<'b>(&self, [words, low]: &'b [Vec<[u8; 4]>; 2]) -> ringfence_runtime::NoiseTable<'b> {
        ringfence_runtime::NoiseTable {
            sigma_bits: self.sigma.to_bits(),
            column_bits: self.column_bits as u8, // at most 14
            min_value: self.min_value,
            tv_budget: self.tv_budget,
            words,
            low,
        }
    }

    /// Bytes of the NOISE section: header of 64 bytes, `2^b` words, `2^b` low threshold parts, little endian.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 8 * self.words.len());
        bytes.extend_from_slice(&self.sigma.to_le_bytes());
        bytes.extend_from_slice(&self.column_bits.to_le_bytes()); // with method 0 and two zero bytes
        bytes.extend_from_slice(&self.min_value.to_le_bytes());
        bytes.extend_from_slice(&self.tv_budget.to_le_bytes());
        bytes.resize(64, 0);
        for part in self.words.iter().chain(&self.low) {
            bytes.extend_from_slice(&part.to_le_bytes());
        }
        bytes
    }
}

/// Makes the noise table of images of `values` = channels * height * width values.
///
/// The support is at least +-8 sigma; `column_bits` is the least in 6..=14 that holds it, and the support is
/// widened to what the columns hold, at most +-10 sigma.
///
/// # Errors
/// [`NoiseError::Sigma`] for a sigma outside [`SIGMA_RANGE`], [`NoiseError::Budget`] when the table misses
/// [`MAX_TV_BUDGET`] over `values` values.
pub fn generate(sigma: f64, values: usize) -> Result<NoiseTable, NoiseError> {
    if !SIGMA_RANGE.contains(&sigma) {
        return Err(NoiseError::Sigma { sigma });
    }
    let grid = dyadic::Dyadic::from_f64(sigma);
    let (column_bits, reach) = support(&grid);
    let cells = pmf::cells(&grid, reach);
    let columns = alias::build(&pmf::masses(&cells, column_bits), column_bits);
    let found = budget::image(&cells, &columns, values);
    let tv_budget = u64::try_from(found)
        .ok()
        .filter(|&budget| budget <= MAX_TV_BUDGET)
        .ok_or(NoiseError::Budget { sigma, values, found: found as f64 / 2f64.powi(64) })?;
    let (words, low) = columns.to_words();
    Ok(NoiseTable { sigma, column_bits, min_value: pmf::min_value(column_bits), words, low, tv_budget })
}

/// `(b, reach)`: the least b in 6..=14 whose columns hold +-8 sigma and the largest noise value used,
/// `min(2^(b-1) - 1, ceil(10 * 255 sigma))`.
fn support(sigma: &dyadic::Dyadic) -> (u32, u32) {
    let least = sigma.ceil_times(8 * 255);
    let mut bits = 6;
    while (1 << (bits - 1)) - 1 < least {
        bits += 1;
    }
    (bits, sigma.ceil_times(10 * 255).min((1 << (bits - 1)) - 1) as u32)
}
