//! Requantisation with 256-bit vectors, two pixels of sixteen outputs at a time: the tail of every kernel on AVX2.
//!
//! Packing the two halves of a pixel to 16 bits leaves channels 0..4, 8..12 in the low lane and 4..8, 12..16 in
//! the high one; packing two such pixels to bytes keeps this order. One permutation of dwords brings it to
//! memory order, and the inverse one brings a residual into the packed order. Saturating 16-bit sums are exact
//! here: whatever saturates is clamped to the same end by the final clamp to `lo..=top`.

use super::scan::Place;
use crate::format::layout::BLOCK;
use crate::ops::{ConvJob, ConvPlan};
use crate::plan::Rescale;
use core::arch::x86_64::*;

/// Sums of sixteen outputs of a pixel, bias included.
pub(super) type Sums = [__m256i; 2];

/// Sixteen outputs.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    /// `[depth/4][16][4]`.
    pub weights: &'a [u8],
    pub bias: Sums,
    pre: Sums,
    /// i16, in the packed order.
    mul: __m256i,
    /// i16, of the output.
    zero_point: __m256i,
    /// u8.
    lo: __m256i,
    top: __m256i,
    /// First channel.
    channel: usize,
    /// How many of the channels are stored.
    stored: usize,
}

impl<'a> Block<'a> {
    #[target_feature(enable = "avx2")]
    pub fn new(plan: &ConvPlan<'a>, block: usize) -> Self {
        let constants = plan.filter.requant(block);
        let channel = block * BLOCK;
        let halves = |numbers: &[i32; BLOCK]| {
            let (low, high) = numbers.split_at(BLOCK / 2);
            // SAFETY: each half holds 32 bytes.
            unsafe { [_mm256_loadu_si256(low.as_ptr().cast()), _mm256_loadu_si256(high.as_ptr().cast())] }
        };
        // SAFETY: the array holds 32 bytes.
        let mul = unsafe { _mm256_loadu_si256(constants.mul.as_ptr().cast()) };
        Self {
            weights: plan.filter.block_weights(block),
            bias: halves(&constants.bias),
            pre: halves(&constants.pre.map(i32::from)),
            mul: _mm256_permute4x64_epi64::<0b11_01_10_00>(mul),
            zero_point: _mm256_set1_epi16(plan.output.zero_point.into()),
            lo: _mm256_set1_epi8(plan.lo.cast_signed()),
            top: _mm256_set1_epi8(plan.output.top.cast_signed()),
            channel,
            stored: plan.output.stored.saturating_sub(channel).min(BLOCK),
        }
    }

    /// Whether all sixteen are stored.
    pub fn is_full(&self) -> bool {
        self.stored == BLOCK
    }

    /// Whether the last eight are not stored at all.
    pub fn is_half(&self) -> bool {
        self.stored <= BLOCK / 2
    }

    /// Requantises and stores the first `count` pixels of a tile. `FULL` is [`is_full`](Self::is_full): both
    /// cases in one function would be too large to be inlined.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub fn finish<const P: usize, const FULL: bool>(
        &self,
        sums: &[Sums; P],
        places: &[Place; P],
        count: usize,
        job: &mut ConvJob<'_>,
    ) {
        const { assert!(P.is_multiple_of(2)) }
        let pairs = sums.as_chunks().0.iter().zip(places.as_chunks().0);
        for (sums, places) in pairs.take(count.div_ceil(2)) {
            let bytes = self.requantise::<FULL>(sums, places, job);
            let [first, second] = places;
            let output = job.output_bytes();
            store::<FULL>(_mm256_castsi256_si128(bytes), output, first.output + self.channel, self.stored);
            let bytes = _mm256_extracti128_si256::<1>(bytes);
            store::<FULL>(bytes, output, second.output + self.channel, self.stored);
        }
    }

    /// The sums of a pixel at the scale of the output, in the packed order.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn scale(&self, [low, high]: Sums) -> __m256i {
        let (low, high) = (_mm256_srav_epi32(low, self.pre[0]), _mm256_srav_epi32(high, self.pre[1]));
        _mm256_mulhrs_epi16(_mm256_packs_epi32(low, high), self.mul)
    }

    /// The bytes of two pixels.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn requantise<const FULL: bool>(
        &self,
        sums: &[Sums; 2],
        places: &[Place; 2],
        job: &ConvJob<'_>,
    ) -> __m256i {
        let [mut a, mut b] = [self.scale(sums[0]), self.scale(sums[1])];
        if let Some((residual, bytes)) = job.residual_bytes() {
            let [c, d] = self.residual::<FULL>(residual.rescale, bytes, places);
            a = _mm256_adds_epi16(a, c);
            b = _mm256_adds_epi16(b, d);
        }
        let (a, b) = (_mm256_adds_epi16(a, self.zero_point), _mm256_adds_epi16(b, self.zero_point));
        let bytes = _mm256_min_epu8(_mm256_max_epu8(_mm256_packus_epi16(a, b), self.lo), self.top);
        _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
    }

    /// The rescaled residual of two pixels, in the packed order.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn residual<const FULL: bool>(&self, rule: Rescale, bytes: &[u8], places: &[Place; 2]) -> Sums {
        let low = load::<FULL>(bytes, places[0].residual + self.channel, self.stored);
        let high = load::<FULL>(bytes, places[1].residual + self.channel, self.stored);
        let order = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
        let bytes = _mm256_permutevar8x32_epi32(_mm256_set_m128i(high, low), order);
        let zero = _mm256_setzero_si256();
        [rescale(_mm256_unpacklo_epi8(bytes, zero), rule), rescale(_mm256_unpackhi_epi8(bytes, zero), rule)]
    }
}

/// Brings u8 in lanes of 16 bits to the scale of the output.
#[inline]
#[target_feature(enable = "avx2")]
fn rescale(u: __m256i, rule: Rescale) -> __m256i {
    let u = _mm256_sub_epi16(u, _mm256_set1_epi16(rule.zero_point.into()));
    let u = _mm256_sll_epi16(u, _mm_cvtsi32_si128(rule.shift.into()));
    _mm256_mulhrs_epi16(u, _mm256_set1_epi16(rule.mul))
}

/// The bytes of a pixel that are stored, zeros beyond.
#[inline]
#[target_feature(enable = "avx2")]
fn load<const FULL: bool>(tensor: &[u8], at: usize, stored: usize) -> __m128i {
    debug_assert!(at + stored <= tensor.len() && stored <= BLOCK);
    if FULL {
        // SAFETY: plan and job have checked that all channels of each pixel lie in the tensor.
        return unsafe { _mm_loadu_si128(tensor.as_ptr().add(at).cast()) };
    }
    load_some(&tensor[at..][..stored])
}

/// Stores what [`load`] loads.
#[inline]
#[target_feature(enable = "avx2")]
fn store<const FULL: bool>(value: __m128i, tensor: &mut [u8], at: usize, stored: usize) {
    debug_assert!(at + stored <= tensor.len() && stored <= BLOCK);
    if FULL {
        // SAFETY: as in `load`.
        return unsafe { _mm_storeu_si128(tensor.as_mut_ptr().add(at).cast(), value) };
    }
    store_some(value, &mut tensor[at..][..stored]);
}

#[inline(never)]
#[target_feature(enable = "avx2")]
fn load_some(bytes: &[u8]) -> __m128i {
    let mut block = [0; BLOCK];
    block[..bytes.len()].copy_from_slice(bytes);
    // SAFETY: the array holds 16 bytes.
    unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
}

#[inline(never)]
#[target_feature(enable = "avx2")]
fn store_some(value: __m128i, bytes: &mut [u8]) {
    let mut block = [0; BLOCK];
    // SAFETY: the array holds 16 bytes.
    unsafe { _mm_storeu_si128(block.as_mut_ptr().cast(), value) };
    bytes.copy_from_slice(&block[..bytes.len()]);
}
