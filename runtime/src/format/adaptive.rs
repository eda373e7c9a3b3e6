//! The ADAPTIVE section: two steps of noise, the second scaled by a mask.

use super::bytes::{Record, record};
use super::error::{AdaptiveFault, FormatError};
use super::layout::{
    self, ADAPTIVE_HEADER_BYTES, ALIGN, MAX_DEVIATION, QUANTILE_SEGMENT_BYTES, QUANTILE_SEGMENTS, Section,
    VARIANCE_FRACTION,
};
use crate::plan::Input;

/// Bits of 1.0 and of infinity as an f64: positive floats compare like their bits.
const F64_ONE: u64 = 0x3FF0_0000_0000_0000;
const F64_INFINITY: u64 = 0x7FF0_0000_0000_0000;

/// The polynomials of the normal quantile: eight little-endian i64 a segment, constant first.
pub type Quantiles<'a> = &'a [[u8; QUANTILE_SEGMENT_BYTES]; QUANTILE_SEGMENTS];

/// The numbers of adaptive smoothing. The grid of the second step has 255 * 255 steps from black to white.
#[derive(Clone, Copy, Debug)]
pub struct Adaptive<'a> {
    /// Bits of the deviation sigma that radii are made of, as an f64, in pixels of \[0, 1\]; positive and finite.
    pub sigma_bits: u64,
    /// Bits of the share a of the first step, as an f64 in (0, 1).
    pub split_bits: u64,
    /// `sigma^2 255^2 / ((1 - a) height width)`, units of 2^-32, rounded up: times the sum of squares of the mask, the
    /// variance of the second step.
    pub variance: u64,
    /// Deviation of the first step, sigma / sqrt(a), on the grid of the second, rounded up: 1..=2^18.
    pub first: u32,
    /// Total-variation budget of the second step for a whole image in units of 2^-64, rounded up.
    pub tv_budget: u64,
    /// The sampler of the second step.
    pub quantiles: Quantiles<'a>,
    /// SHA-256 of the ONNX file of the mask network.
    pub source_sha256: [u8; 32],
}

impl<'a> Adaptive<'a> {
    /// Least integer deviation of the second step, on its grid, for a mask w with this sum of squares (units of
    /// 1/255^2): at least `255 sigma sqrt(squares / ((1 - a) height width))`, and at least 1.
    pub fn deviation(&self, squares: u64) -> u32 {
        let product = u128::from(self.variance) * u128::from(squares);
        // Of a parsed file and a mask of its size at most 2^36.
        let variance = (product >> VARIANCE_FRACTION).min(1 << 60) as u64;
        let more = product & ((1 << VARIANCE_FRACTION) - 1) != 0;
        let variance = variance + u64::from(more);
        let root = variance.isqrt();
        (root + u64::from(root * root < variance)).max(1) as u32
    }

    pub(super) fn parse(section: &'a [u8], image: &Input) -> Result<Self, FormatError> {
        use layout::adaptive::{FIRST, RESERVED, SIGMA, SOURCE_SHA256, SPLIT, TAIL, TV_BUDGET, VARIANCE};
        const BYTES: usize = ADAPTIVE_HEADER_BYTES + QUANTILE_SEGMENTS * QUANTILE_SEGMENT_BYTES;
        let length =
            FormatError::SectionLength { section: Section::Adaptive, expected: BYTES, found: section.len() };
        if section.len() != BYTES {
            return Err(length);
        }
        let head: Record<'_, ADAPTIVE_HEADER_BYTES> = record(section, 0).ok_or(length)?;
        let table = section.get(ADAPTIVE_HEADER_BYTES..).and_then(|bytes| bytes.as_chunks().0.first_chunk());
        if !head.is_zero::<RESERVED, SOURCE_SHA256>() || !head.is_zero::<TAIL, ADAPTIVE_HEADER_BYTES>() {
            return Err(FormatError::Reserved { section: Some(Section::Adaptive) });
        }
        let adaptive = Self {
            sigma_bits: head.u64::<SIGMA>(),
            split_bits: head.u64::<SPLIT>(),
            variance: head.u64::<VARIANCE>(),
            first: head.u32::<FIRST>(),
            tv_budget: head.u64::<TV_BUDGET>(),
            quantiles: table.ok_or(length)?,
            source_sha256: head.array::<SOURCE_SHA256, 32>(),
        };
        adaptive.check(image).map(|()| adaptive).map_err(FormatError::Adaptive)
    }

    fn check(&self, image: &Input) -> Result<(), AdaptiveFault> {
        if self.sigma_bits == 0 || self.sigma_bits >= F64_INFINITY {
            return Err(AdaptiveFault::Sigma);
        }
        if self.split_bits == 0 || self.split_bits >= F64_ONE {
            return Err(AdaptiveFault::Split);
        }
        if !(1..=MAX_DEVIATION).contains(&self.first) {
            return Err(AdaptiveFault::First(self.first));
        }
        let squares = 255 * 255 * image.height as u64 * image.width as u64;
        if self.variance == 0 || self.deviation(squares) > MAX_DEVIATION {
            return Err(AdaptiveFault::Variance(self.variance));
        }
        Ok(())
    }
}

/// A model with a mask network.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    /// The network that makes the mask of a noisy image.
    pub network: super::Network<'a>,
    /// How mask and image are smoothed.
    pub adaptive: Adaptive<'a>,
}

impl Mask<'_> {
    /// Bytes of a sample's arena that both networks share; the mask lies behind them, at a multiple of 64. None of an
    /// arena without room for it.
    pub(crate) fn networks_bytes(&self, sample_arena: usize) -> Option<usize> {
        sample_arena.checked_sub(plane_bytes(self.network.input()))
    }
}

/// Arena bytes of a mask for images of this size, a multiple of 64.
pub(super) fn plane_bytes(image: &Input) -> usize {
    (image.height * image.width).next_multiple_of(ALIGN)
}
