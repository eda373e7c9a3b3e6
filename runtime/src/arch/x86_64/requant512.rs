//! From accumulators to bytes, sixteen outputs wide.
//!
//! Four pixels at a time. Packing their 32-bit lanes to bytes leaves dword `4 l + p` with channels
//! `4 l..4 l + 4` of pixel `p`; one transposition puts pixels in order, and the same one brings a residual into
//! the packed order. Saturating 16-bit sums are exact here: whatever saturates is clamped to the same end by the
//! final clamp to `lo..=top`.

use crate::format::layout::BLOCK;
use crate::ops::ConvPlan;
use crate::plan::Rescale;
use core::arch::x86_64::*;

/// Pixels that are requantised together.
pub(super) const QUAD: usize = 4;

/// Constants of sixteen outputs.
#[derive(Clone, Copy)]
pub(super) struct Block<'a> {
    /// `[depth/4][16][4]`.
    pub weights: &'a [u8],
    pub bias: __m512i,
    pre: __m512i,
    /// i16: lane `l` of 128 bits holds multipliers `4 l..4 l + 4` twice.
    mul: __m512i,
    /// First channel.
    pub channel: usize,
    /// Which channels of the block are stored.
    stored: __mmask16,
}

impl<'a> Block<'a> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn new(plan: &ConvPlan<'a>, block: usize) -> Self {
        let (filter, channel) = (&plan.filter, block * BLOCK);
        let stored = plan.output.stored.saturating_sub(channel).min(BLOCK);
        let bias = filter.bias[channel..][..BLOCK].as_ptr().cast();
        let mul = filter.mul[channel..][..BLOCK].as_ptr().cast();
        let pre = filter.pre[channel..][..BLOCK].as_ptr().cast();
        // SAFETY: sixteen constants each: 64, 32 and 16 bytes, in the byte order of the processor.
        let (bias, mul, pre) =
            unsafe { (_mm512_loadu_si512(bias), _mm256_loadu_si256(mul), _mm_loadu_si128(pre)) };
        let pre = _mm512_cvtepu8_epi32(pre);
        let twice = _mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3);
        let mul = _mm512_permutexvar_epi64(twice, _mm512_castsi256_si512(mul));
        let stored = ((1u32 << stored) - 1) as u16;
        Self { weights: filter.block_weights(block), bias, pre, mul, channel, stored }
    }
}

/// Whether a [`Tail`] may be `PLAIN`: all blocks are stored whole, and no output or residual has a zero point, a shift or a
/// clamp that packing does not do.
pub(super) fn is_plain(plan: &ConvPlan<'_>) -> bool {
    let residual = |rule: Rescale| rule.zero_point == 0 && rule.shift == 0;
    let output = &plan.output;
    (output.zero_point, plan.lo, output.top) == (0, 0, u8::MAX)
        && output.stored.is_multiple_of(BLOCK)
        && plan.residual.is_none_or(|plan| residual(plan.rescale))
}

/// What all outputs of a convolution have in common; that it is `PLAIN` can be known beforehand.
#[derive(Clone, Copy)]
pub(super) struct Tail<const PLAIN: bool = false> {
    zero_point: __m512i,
    lo: __m512i,
    top: __m512i,
    /// Eight bits, zero point and lower clamp 0, as after a ReLU: packing clamps already.
    is_plain: bool,
    /// Bytes from one pixel to the next.
    pub stored: usize,
    pub residual: Option<Residual>,
}

#[derive(Clone, Copy)]
pub(super) struct Residual {
    zero_point: __m512i,
    shift: __m128i,
    mul: __m512i,
    /// Zero point and shift are 0.
    is_plain: bool,
}

impl<const PLAIN: bool> Tail<PLAIN> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn new(plan: &ConvPlan<'_>) -> Self {
        let zero_point = plan.output.zero_point;
        Self {
            zero_point: _mm512_set1_epi16(zero_point.into()),
            lo: _mm512_set1_epi8(plan.lo.cast_signed()),
            top: _mm512_set1_epi8(plan.output.top.cast_signed()),
            is_plain: zero_point == 0 && plan.lo == 0 && plan.output.top == u8::MAX,
            stored: plan.output.stored,
            residual: plan.residual.map(|residual| Residual::new(residual.rescale)),
        }
    }
}

impl Residual {
    #[target_feature(enable = "avx512f,avx512bw")]
    fn new(rule: Rescale) -> Self {
        Self {
            zero_point: _mm512_set1_epi16(rule.zero_point.into()),
            shift: _mm_cvtsi32_si128(rule.shift.into()),
            mul: _mm512_set1_epi16(rule.mul),
            is_plain: rule.zero_point == 0 && rule.shift == 0,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn rescale<const PLAIN: bool>(&self, u: __m512i) -> __m512i {
        let t = if PLAIN || self.is_plain {
            u
        } else {
            _mm512_sll_epi16(_mm512_sub_epi16(u, self.zero_point), self.shift)
        };
        _mm512_mulhrs_epi16(t, self.mul)
    }
}

/// Requantises and stores four neighbouring pixels; of `P < 4` the first one.
///
/// # Safety
/// `output` and `residual` (if the tail has one) point to the block's first channel of the first pixel in tensors
/// that hold all pixels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) unsafe fn finish<const P: usize, const R: bool, const PLAIN: bool>(
    acc: [__m512i; QUAD],
    block: &Block<'_>,
    tail: &Tail<PLAIN>,
    output: *mut u8,
    residual: *const u8,
) {
    let [a, b, c, d] = acc.map(|acc| _mm512_srav_epi32(acc, block.pre));
    let low = _mm512_mulhrs_epi16(_mm512_packs_epi32(a, b), block.mul);
    let high = _mm512_mulhrs_epi16(_mm512_packs_epi32(c, d), block.mul);
    // SAFETY: by the contract of this function.
    unsafe {
        let bytes = tail.narrow::<R>(low, high, || load::<P, PLAIN>(residual, tail.stored, block.stored));
        store::<P, PLAIN>(bytes, output, tail.stored, block.stored);
    }
}

/// Constants of two neighbouring blocks.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    bias: [__m512i; 2],
    pre: [__m512i; 2],
    /// i16: lane `l` of 128 bits holds multipliers `4 l..4 l + 4` of the first block, then of the second.
    mul: __m512i,
}

impl Pair {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub fn new([first, second]: [&Block<'_>; 2]) -> Self {
        Self {
            bias: [first.bias, second.bias],
            pre: [first.pre, second.pre],
            mul: _mm512_unpacklo_epi64(first.mul, second.mul),
        }
    }

    /// Requantises and stores two neighbouring pixels of both blocks. `acc` lacks the biases: the first pixel's sums of
    /// both blocks, then the second's.
    ///
    /// # Safety
    /// As [`finish`]; all outputs of both blocks are stored.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    pub unsafe fn finish<const R: bool>(
        &self,
        acc: [__m512i; QUAD],
        tail: &Tail,
        output: *mut u8,
        residual: *const u8,
    ) {
        let sum = |i: usize| _mm512_srav_epi32(_mm512_add_epi32(acc[i], self.bias[i % 2]), self.pre[i % 2]);
        let low = _mm512_mulhrs_epi16(_mm512_packs_epi32(sum(0), sum(1)), self.mul);
        let high = _mm512_mulhrs_epi16(_mm512_packs_epi32(sum(2), sum(3)), self.mul);
        let step = tail.stored;
        // SAFETY: by the contract of this function, with 32 channels a pixel.
        unsafe {
            let bytes = tail.narrow::<R>(low, high, || {
                if step == 2 * BLOCK {
                    return _mm512_loadu_si512(residual.cast());
                }
                let first = _mm256_loadu_si256(residual.cast());
                let second = _mm256_loadu_si256(residual.wrapping_add(step).cast());
                _mm512_inserti64x4::<1>(_mm512_castsi256_si512(first), second)
            });
            if step == 2 * BLOCK {
                return _mm512_storeu_si512(output.cast(), bytes);
            }
            _mm256_storeu_si256(output.cast(), _mm512_castsi512_si256(bytes));
            _mm256_storeu_si256(output.wrapping_add(step).cast(), _mm512_extracti64x4_epi64::<1>(bytes));
        }
    }
}

impl<const PLAIN: bool> Tail<PLAIN> {
    /// Packs 16-bit values to bytes, sixteen for each of four pixels, or of two pixels of two blocks, in order. A
    /// residual is loaded in that order and added.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn narrow<const R: bool>(
        &self,
        mut low: __m512i,
        mut high: __m512i,
        residual: impl FnOnce() -> __m512i,
    ) -> __m512i {
        let transpose = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        if R && let Some(rule) = &self.residual {
            let pixels = _mm512_permutexvar_epi32(transpose, residual());
            let zero = _mm512_setzero_si512();
            low = _mm512_adds_epi16(low, rule.rescale::<PLAIN>(_mm512_unpacklo_epi8(pixels, zero)));
            high = _mm512_adds_epi16(high, rule.rescale::<PLAIN>(_mm512_unpackhi_epi8(pixels, zero)));
        }
        let bytes = if PLAIN || self.is_plain {
            _mm512_packus_epi16(low, high)
        } else {
            let [low, high] = [low, high].map(|sum| _mm512_adds_epi16(sum, self.zero_point));
            _mm512_min_epu8(_mm512_max_epu8(_mm512_packus_epi16(low, high), self.lo), self.top)
        };
        _mm512_permutexvar_epi32(transpose, bytes)
    }
}

/// The bytes of four pixels `stride` apart (of `P < 4` the first one only), sixteen each.
///
/// # Safety
/// The stored channels of all pixels can be read.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn load<const P: usize, const PLAIN: bool>(
    pixels: *const u8,
    stride: usize,
    stored: __mmask16,
) -> __m512i {
    if P >= QUAD && stride == BLOCK {
        // SAFETY: the pixels lie one after the other.
        return unsafe { _mm512_loadu_si512(pixels.cast()) };
    }
    let pixel = |i: usize| {
        let at = pixels.wrapping_add(i * stride).cast();
        // SAFETY: other bytes than the stored ones are not accessed.
        unsafe {
            if PLAIN || stored == u16::MAX {
                _mm_loadu_si128(at)
            } else {
                _mm_maskz_loadu_epi8(stored, at.cast())
            }
        }
    };
    let mut all = _mm512_zextsi128_si512(pixel(0));
    if P >= QUAD {
        all = _mm512_inserti32x4::<1>(all, pixel(1));
        all = _mm512_inserti32x4::<2>(all, pixel(2));
        all = _mm512_inserti32x4::<3>(all, pixel(3));
    }
    all
}

/// Stores what [`load`] loads.
///
/// # Safety
/// The stored channels of all pixels can be written.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn store<const P: usize, const PLAIN: bool>(
    all: __m512i,
    pixels: *mut u8,
    stride: usize,
    stored: __mmask16,
) {
    if P >= QUAD && stride == BLOCK {
        // SAFETY: the pixels lie one after the other.
        return unsafe { _mm512_storeu_si512(pixels.cast(), all) };
    }
    let pixel = |i: usize, bytes| {
        let at = pixels.wrapping_add(i * stride);
        // SAFETY: other bytes than the stored ones are not accessed.
        unsafe {
            if PLAIN || stored == u16::MAX {
                _mm_storeu_si128(at.cast(), bytes);
            } else {
                _mm_mask_storeu_epi8(at.cast(), stored, bytes);
            }
        }
    };
    pixel(0, _mm512_castsi512_si128(all));
    if P >= QUAD {
        pixel(1, _mm512_extracti32x4_epi32::<1>(all));
        pixel(2, _mm512_extracti32x4_epi32::<2>(all));
        pixel(3, _mm512_extracti32x4_epi32::<3>(all));
    }
}
