//! Convolution with `vpmaddwd`: both operands widened to i16, so that nothing saturates (`vpmaddubsw` would).
//!
//! The input under a stretch of an output row is widened once into a buffer on the stack. A tile then keeps
//! the accumulators of four pixels and eight outputs in registers: four activations of a pixel (eight bytes by
//! now) are broadcast, sixteen weights are four outputs by four of depth, and one `vpmaddwd` gives two partial
//! sums for each of the four outputs.
//!
//! Tiles lie within a stretch and do not overlap: a residual may lie in the place of the output.
//!
//! Horizontal sums leave the eight outputs of a pixel in the order 0, 1, 4, 5, 2, 3, 6, 7. Constants and
//! residuals are brought into this order, and the bytes back from it. Saturating 16-bit sums are exact here:
//! whatever saturates is clamped to the same end by the final clamp to `lo..=255`.

use crate::format::layout::{BLOCK, CHANNEL_GROUP, MAX_DEPTH};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::x86_64::*;
use core::mem::MaybeUninit;

/// Outputs of a tile.
const HALF: usize = BLOCK / 2;
/// Bytes of one weight group, `[16][4]`.
const GROUP: usize = BLOCK * CHANNEL_GROUP;
/// Pixels that are requantised together.
const QUAD: usize = 4;

/// The widened input under a stretch of an output row: `rows` segments, one after the other. Even the deepest
/// kernel fits for one pixel.
type Wide = [MaybeUninit<i16>; MAX_DEPTH];

/// See [`ops::conv`](crate::ops::conv). Needs 64 KiB of stack.
#[target_feature(enable = "avx2")]
pub(crate) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let mut wide: Wide = [MaybeUninit::uninit(); MAX_DEPTH];
    let width = plan.output.width;
    let limit = stretch_limit(plan);
    for y in 0..plan.output.height {
        for x in (0..width).step_by(limit) {
            let stretch = Stretch::widen(&job, &mut wide, y, x, limit.min(width - x));
            for block in 0..plan.filter.blocks() {
                for half in 0..2 {
                    if let Some(outputs) = Outputs::new(plan, block, half) {
                        stretch.convolve(&outputs, &mut job);
                    }
                }
            }
        }
    }
}

/// How many pixels of a row the buffer has room for.
fn stretch_limit(plan: &ConvPlan<'_>) -> usize {
    1 + (MAX_DEPTH / plan.rows).saturating_sub(plan.run) / plan.step_x
}

/// Eight outputs.
struct Outputs<'a> {
    /// From the half's first byte in the first group of its block on.
    weights: &'a [u8],
    bias: __m256i,
    pre: __m256i,
    /// i16: in each lane of 128 bits the multipliers of its four outputs, twice.
    mul: __m256i,
    /// First channel.
    channel: usize,
    /// Whether all eight are stored, not only four.
    full: bool,
}

impl<'a> Outputs<'a> {
    /// None if no output of this half is stored.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn new(plan: &ConvPlan<'a>, block: usize, half: usize) -> Option<Self> {
        let channel = block * BLOCK + half * HALF;
        let stored = plan.output.stored.checked_sub(channel).filter(|&stored| stored > 0)?;
        let filter = &plan.filter;
        let order = [0, 1, 4, 5, 2, 3, 6, 7].map(|o| channel + o);
        let bias = order.map(|o| i32::from_le_bytes(filter.bias[o]));
        let pre = order.map(|o| i32::from(filter.pre[o]));
        let mul: [i16; BLOCK] =
            core::array::from_fn(|i| i16::from_le_bytes(filter.mul[order[i / HALF * QUAD + i % QUAD]]));
        // SAFETY: the arrays hold 32 bytes each.
        let (bias, pre, mul) = unsafe {
            (
                _mm256_loadu_si256(bias.as_ptr().cast()),
                _mm256_loadu_si256(pre.as_ptr().cast()),
                _mm256_loadu_si256(mul.as_ptr().cast()),
            )
        };
        let weights = &filter.block_weights(block)[half * HALF * CHANNEL_GROUP..];
        Some(Self { weights, bias, pre, mul, channel, full: stored >= HALF })
    }
}

/// A stretch of output pixels with the input under it, widened.
struct Stretch<'a> {
    wide: &'a [MaybeUninit<i16>],
    /// Values per segment.
    segment: usize,
    y: usize,
    x: usize,
    width: usize,
}

impl<'a> Stretch<'a> {
    #[inline]
    #[target_feature(enable = "avx2")]
    fn widen(job: &ConvJob<'_>, wide: &'a mut Wide, y: usize, x: usize, width: usize) -> Self {
        let plan = job.plan();
        let segment = (width - 1) * plan.step_x + plan.run;
        let (wide, _) = wide.split_at_mut(plan.rows * segment);
        for (row, wide) in wide.chunks_exact_mut(segment).enumerate() {
            let bytes = &job.input()[plan.window(y, x) + row * plan.row_bytes..][..segment];
            for (wide, &byte) in wide.iter_mut().zip(bytes) {
                wide.write(byte.into());
            }
        }
        Self { wide, segment, y, x, width }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn convolve(&self, outputs: &Outputs<'_>, job: &mut ConvJob<'_>) {
        let mut x = 0;
        while x < self.width {
            x += if self.width - x >= QUAD {
                self.tile::<QUAD>(outputs, job, x)
            } else {
                self.tile::<1>(outputs, job, x)
            };
        }
    }

    /// `P` pixels from `x` of the stretch on; gives `P`.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn tile<const P: usize>(&self, outputs: &Outputs<'_>, job: &mut ConvJob<'_>, x: usize) -> usize {
        debug_assert!(x + P <= self.width);
        let acc = self.accumulate::<P>(outputs, job.plan(), x);
        let quad = core::array::from_fn(|i| acc[i.min(P - 1)]);
        finish::<P>(quad, outputs, job, self.y, self.x + x);
        P
    }

    /// Two partial sums of each output: four outputs per register.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn accumulate<const P: usize>(
        &self,
        outputs: &Outputs<'_>,
        plan: &ConvPlan<'_>,
        x: usize,
    ) -> [[__m256i; 2]; P] {
        let mut acc = [[_mm256_setzero_si256(); 2]; P];
        let mut weights = outputs.weights.as_ptr();
        for row in 0..plan.rows {
            let start = self.wide.as_ptr().wrapping_add(row * self.segment + x * plan.step_x).cast::<i16>();
            for at in (0..plan.run).step_by(CHANNEL_GROUP) {
                // SAFETY: the plan has checked that a block holds `rows * run` weights for each output; 32 bytes
                // of each group belong to this half.
                let (low, high) =
                    unsafe { (_mm_loadu_si128(weights.cast()), _mm_loadu_si128(weights.add(BLOCK).cast())) };
                let w = [_mm256_cvtepi8_epi16(low), _mm256_cvtepi8_epi16(high)];
                for (p, acc) in acc.iter_mut().enumerate() {
                    let u = start.wrapping_add(p * plan.step_x + at).cast::<i64>();
                    // SAFETY: `widen` wrote the segment, which holds the runs of all pixels of the stretch.
                    let u = _mm256_set1_epi64x(unsafe { u.read_unaligned() });
                    for (acc, w) in acc.iter_mut().zip(w) {
                        *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(u, w));
                    }
                }
                weights = weights.wrapping_add(GROUP);
            }
        }
        acc
    }
}

/// Requantises and stores four pixels of row `y` from `x` on; of `P < 4` the first one.
#[inline]
#[target_feature(enable = "avx2")]
fn finish<const P: usize>(
    acc: [[__m256i; 2]; QUAD],
    outputs: &Outputs<'_>,
    job: &mut ConvJob<'_>,
    y: usize,
    x: usize,
) {
    let plan = job.plan();
    let [a, b, c, d] = acc.map(|[low, high]| {
        let sum = _mm256_add_epi32(_mm256_hadd_epi32(low, high), outputs.bias);
        _mm256_srav_epi32(sum, outputs.pre)
    });
    let mut low = _mm256_mulhrs_epi16(_mm256_packs_epi32(a, b), outputs.mul);
    let mut high = _mm256_mulhrs_epi16(_mm256_packs_epi32(c, d), outputs.mul);
    if let Some((residual, pixels)) = job.residual(y, x, outputs.channel) {
        let pixels = load::<P>(pixels, residual.tensor.stored, outputs.full);
        let rule = residual.rescale;
        let zero_point = _mm256_set1_epi16(rule.zero_point.into());
        let shift = _mm_cvtsi32_si128(rule.shift.into());
        let mul = _mm256_set1_epi16(rule.mul);
        let order = _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15);
        let [first, second] = pixels.map(|pair| {
            let u = _mm256_cvtepu8_epi16(_mm_shuffle_epi8(pair, order));
            _mm256_mulhrs_epi16(_mm256_sll_epi16(_mm256_sub_epi16(u, zero_point), shift), mul)
        });
        low = _mm256_adds_epi16(low, first);
        high = _mm256_adds_epi16(high, second);
    }
    let zero_point = _mm256_set1_epi16(plan.output.zero_point.into());
    let bytes = _mm256_packus_epi16(_mm256_adds_epi16(low, zero_point), _mm256_adds_epi16(high, zero_point));
    let bytes = _mm256_max_epu8(bytes, _mm256_set1_epi8(plan.lo.cast_signed()));
    let (even, odd) = (_mm256_castsi256_si128(bytes), _mm256_extracti128_si256::<1>(bytes));
    let pixels = [_mm_unpacklo_epi16(even, odd), _mm_unpackhi_epi16(even, odd)];
    store::<P>(pixels, job.output(y, x, outputs.channel), plan.output.stored, outputs.full);
}

/// Eight bytes (or four of eight) of four pixels `stride` apart, two pixels per register; of `P < 4` pixels
/// the first one only.
#[inline]
#[target_feature(enable = "avx2")]
fn load<const P: usize>(pixels: &[u8], stride: usize, full: bool) -> [__m128i; 2] {
    let mut values = [0; QUAD];
    for (i, value) in values.iter_mut().take(P).enumerate() {
        let pixel = &pixels[i * stride..];
        *value = if full {
            pixel.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes))
        } else {
            pixel.first_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes).into())
        };
    }
    [_mm_set_epi64x(values[1], values[0]), _mm_set_epi64x(values[3], values[2])]
}

/// Stores what [`load`] loads.
#[inline]
#[target_feature(enable = "avx2")]
fn store<const P: usize>(values: [__m128i; 2], pixels: &mut [u8], stride: usize, full: bool) {
    let [a, b] = values;
    let values =
        [_mm_cvtsi128_si64(a), _mm_extract_epi64::<1>(a), _mm_cvtsi128_si64(b), _mm_extract_epi64::<1>(b)];
    for (i, value) in values.into_iter().take(P).enumerate() {
        let bytes = value.to_le_bytes();
        let count = if full { HALF } else { HALF / 2 };
        pixels[i * stride..][..count].copy_from_slice(&bytes[..count]);
    }
}
