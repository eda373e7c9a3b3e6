//! Convolution with `vpdpbusd`: four u8 x i8 products per 32-bit lane, added exactly.
//!
//! A weight group `[16][4]` is one register: lane `o` holds the four weights of output `o`. Four activations
//! of a pixel are broadcast to all lanes, so one instruction advances sixteen outputs by a depth of four. A
//! tile keeps the accumulators of several pixels (and two blocks of outputs, if there are) in registers,
//! which shares each weight load between the pixels and each broadcast between the blocks.
//!
//! Tiles lie within a row; the last one of a row is moved left until it fits, so some pixels are computed
//! twice with the same result.
//!
//! Requantisation takes four pixels at a time. Packing their 32-bit lanes to bytes leaves dword `4 l + p` with
//! channels `4 l..4 l + 4` of pixel `p`; one transposition puts pixels in order, and the same one brings a
//! residual into the packed order. Saturating 16-bit sums are exact here: whatever saturates is clamped to the
//! same end by the final clamp to `lo..=top`.

use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use core::arch::x86_64::*;

/// Bytes of one weight group, `[16][4]`.
const GROUP: usize = BLOCK * CHANNEL_GROUP;
/// Pixels that are requantised together.
const QUAD: usize = 4;

/// See [`ops::conv`](crate::ops::conv).
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn conv(mut job: ConvJob<'_>) {
    let plan = job.plan();
    let blocks = plan.filter.blocks();
    for block in (0..blocks).step_by(2) {
        if block + 1 < blocks {
            rows([Block::new(plan, block), Block::new(plan, block + 1)], &mut job);
        } else {
            rows([Block::new(plan, block)], &mut job);
        }
    }
}

/// Constants of sixteen outputs.
#[derive(Clone, Copy)]
struct Block<'a> {
    weights: &'a [u8],
    bias: __m512i,
    pre: __m512i,
    /// i16: lane `l` of 128 bits holds multipliers `4 l..4 l + 4` twice.
    mul: __m512i,
    /// First channel.
    channel: usize,
    /// Which channels of the block are stored.
    stored: __mmask16,
}

impl<'a> Block<'a> {
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn new(plan: &ConvPlan<'a>, block: usize) -> Self {
        let constants = plan.filter.requant(block);
        let channel = block * BLOCK;
        let stored = plan.output.stored.saturating_sub(channel).min(BLOCK);
        // SAFETY: the arrays hold 64, 16 and 32 bytes.
        let (bias, pre, mul) = unsafe {
            (
                _mm512_loadu_si512(constants.bias.as_ptr().cast()),
                _mm512_cvtepu8_epi32(_mm_loadu_si128(constants.pre.as_ptr().cast())),
                _mm256_loadu_si256(constants.mul.as_ptr().cast()),
            )
        };
        let twice = _mm512_setr_epi64(0, 0, 1, 1, 2, 2, 3, 3);
        let mul = _mm512_permutexvar_epi64(twice, _mm512_castsi256_si512(mul));
        let stored = ((1u32 << stored) - 1) as u16;
        Self { weights: plan.filter.block_weights(block), bias, pre, mul, channel, stored }
    }
}

/// All output pixels of `B` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn rows<const B: usize>(blocks: [Block<'_>; B], job: &mut ConvJob<'_>) {
    let plan = job.plan();
    let width = plan.output.width;
    for y in 0..plan.output.height {
        let mut x = 0;
        while x < width {
            x += match width - x {
                16.. if B == 1 => tile::<16, B>(&blocks, job, y, x),
                5.. if width >= 8 => tile::<8, B>(&blocks, job, y, x.min(width - 8)),
                _ if width >= 4 => tile::<4, B>(&blocks, job, y, x.min(width - 4)),
                _ => tile::<1, B>(&blocks, job, y, x),
            };
        }
    }
}

/// `P` pixels of row `y` from `x` on; gives `P`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const P: usize, const B: usize>(
    blocks: &[Block<'_>; B],
    job: &mut ConvJob<'_>,
    y: usize,
    x: usize,
) -> usize {
    debug_assert!(y < job.plan().output.height && x + P <= job.plan().output.width);
    let acc = accumulate::<P, B>(blocks, job, y, x);
    for (b, block) in blocks.iter().enumerate() {
        for first in (0..P).step_by(QUAD) {
            let quad = core::array::from_fn(|i| acc[b][(first + i).min(P - 1)]);
            finish::<P>(quad, block, job, y, x + first);
        }
    }
    P
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn accumulate<const P: usize, const B: usize>(
    blocks: &[Block<'_>; B],
    job: &ConvJob<'_>,
    y: usize,
    x: usize,
) -> [[__m512i; P]; B] {
    let plan = job.plan();
    let mut acc: [[__m512i; P]; B] = core::array::from_fn(|b| [blocks[b].bias; P]);
    let mut weights: [*const u8; B] = core::array::from_fn(|b| blocks[b].weights.as_ptr());
    let step = plan.step_x;
    for row in 0..plan.rows {
        let start = plan.window(y, x) + row * plan.row_bytes;
        let quads: [*const u8; 4] =
            core::array::from_fn(|q| job.input().as_ptr().wrapping_add(start + q * QUAD * step));
        for at in (0..plan.run).step_by(CHANNEL_GROUP) {
            let w: [__m512i; B] = core::array::from_fn(|b| {
                // SAFETY: the plan has checked that a block holds `rows * run` weights for each output.
                unsafe { _mm512_loadu_si512(weights[b].cast()) }
            });
            for p in 0..P {
                let u = quads[p / QUAD].wrapping_add(p % QUAD * step + at).cast::<i32>();
                // SAFETY: the pixel lies in the output; plan and job have checked that every run of its window
                // lies in the input.
                let u = _mm512_set1_epi32(unsafe { u.read_unaligned() });
                for b in 0..B {
                    acc[b][p] = _mm512_dpbusd_epi32(acc[b][p], u, w[b]);
                }
            }
            weights = weights.map(|w| w.wrapping_add(GROUP));
        }
    }
    acc
}

/// Requantises and stores four pixels of row `y` from `x` on; of `P < 4` the first `P`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn finish<const P: usize>(
    acc: [__m512i; QUAD],
    block: &Block<'_>,
    job: &mut ConvJob<'_>,
    y: usize,
    x: usize,
) {
    let plan = job.plan();
    let transpose = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    let [a, b, c, d] = acc.map(|acc| _mm512_srav_epi32(acc, block.pre));
    let mut low = _mm512_mulhrs_epi16(_mm512_packs_epi32(a, b), block.mul);
    let mut high = _mm512_mulhrs_epi16(_mm512_packs_epi32(c, d), block.mul);
    if let Some((residual, pixels)) = job.residual(y, x, block.channel) {
        let pixels = load::<P>(pixels, residual.tensor.stored, block.stored);
        let pixels = _mm512_permutexvar_epi32(transpose, pixels);
        let rule = residual.rescale;
        let zero_point = _mm512_set1_epi16(rule.zero_point.into());
        let shift = _mm_cvtsi32_si128(rule.shift.into());
        let mul = _mm512_set1_epi16(rule.mul);
        let rescale = |u| _mm512_mulhrs_epi16(_mm512_sll_epi16(_mm512_sub_epi16(u, zero_point), shift), mul);
        let zero = _mm512_setzero_si512();
        low = _mm512_adds_epi16(low, rescale(_mm512_unpacklo_epi8(pixels, zero)));
        high = _mm512_adds_epi16(high, rescale(_mm512_unpackhi_epi8(pixels, zero)));
    }
    let zero_point = _mm512_set1_epi16(plan.output.zero_point.into());
    let bytes = _mm512_packus_epi16(_mm512_adds_epi16(low, zero_point), _mm512_adds_epi16(high, zero_point));
    let bytes = _mm512_max_epu8(bytes, _mm512_set1_epi8(plan.lo.cast_signed()));
    let bytes = _mm512_min_epu8(bytes, _mm512_set1_epi8(plan.output.top.cast_signed()));
    let bytes = _mm512_permutexvar_epi32(transpose, bytes);
    store::<P>(bytes, job.output(y, x, block.channel), plan.output.stored, block.stored);
}

/// The bytes of four pixels `stride` apart (of `P < 4` the first one only), sixteen each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load<const P: usize>(pixels: &[u8], stride: usize, stored: __mmask16) -> __m512i {
    debug_assert!(pixels.len() >= (P.min(QUAD) - 1) * stride + stored.count_ones() as usize);
    if P >= QUAD && stride == BLOCK {
        // SAFETY: the job has checked the size of the tensor; the pixels lie in a row of it, without gaps.
        return unsafe { _mm512_loadu_si512(pixels.as_ptr().cast()) };
    }
    let pixel = |i: usize| {
        let at = pixels.as_ptr().wrapping_add(i * stride);
        // SAFETY: as above; the other bytes are not accessed.
        unsafe { _mm_maskz_loadu_epi8(stored, at.cast()) }
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
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn store<const P: usize>(all: __m512i, pixels: &mut [u8], stride: usize, stored: __mmask16) {
    debug_assert!(pixels.len() >= (P.min(QUAD) - 1) * stride + stored.count_ones() as usize);
    if P >= QUAD && stride == BLOCK {
        // SAFETY: as in `load`.
        return unsafe { _mm512_storeu_si512(pixels.as_mut_ptr().cast(), all) };
    }
    let mut pixel = |i: usize, bytes| {
        let at = pixels.as_mut_ptr().wrapping_add(i * stride);
        // SAFETY: as in `load`.
        unsafe { _mm_mask_storeu_epi8(at.cast(), stored, bytes) };
    };
    pixel(0, _mm512_castsi512_si128(all));
    if P >= QUAD {
        pixel(1, _mm512_extracti32x4_epi32::<1>(all));
        pixel(2, _mm512_extracti32x4_epi32::<2>(all));
        pixel(3, _mm512_extracti32x4_epi32::<3>(all));
    }
}
