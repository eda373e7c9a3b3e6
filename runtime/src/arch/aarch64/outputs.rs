//! Sixteen outputs and what happens to their accumulators: requantisation, residual, clamp.
//!
//! `sqrdmulh` is the rule's second step: `(2 t mul + 2^15) >> 16` equals `(t mul + 2^14) >> 15`, and with a
//! multiplier above -2^15 it never saturates. Saturating 16-bit sums are exact here: whatever saturates is
//! clamped to the same end by the final clamp.

use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan, ResidualPlan};
use core::arch::aarch64::*;

/// Bytes of one weight group, `[16][4]`.
pub(super) const GROUP: usize = BLOCK * CHANNEL_GROUP;

/// Sixteen outputs of a pixel, four per register.
pub(super) type Sums = [int32x4_t; 4];

/// Sixteen outputs of a convolution.
pub(super) struct Outputs<'a> {
    /// `[depth/4][16][4]`.
    pub(super) weights: &'a [u8],
    /// Where accumulators start.
    pub(super) bias: Sums,
    /// Right shifts as negative left ones.
    shift: Sums,
    mul: [int16x8_t; 2],
    zero_point: int16x8_t,
    lo: uint8x16_t,
    top: uint8x16_t,
    /// First channel.
    channel: usize,
    /// How many of the channels are stored; a multiple of four.
    stored: usize,
}

impl<'a> Outputs<'a> {
    #[target_feature(enable = "neon")]
    pub(super) fn new(plan: &ConvPlan<'a>, block: usize) -> Self {
        let constants = plan.filter.requant(block);
        let channel = block * BLOCK;
        let shift = constants.pre.map(|pre| -i32::from(pre));
        // SAFETY: the arrays hold sixteen values each, and an eighth or a quarter of that starts at each index.
        let (bias, shift, mul) = unsafe {
            (
                core::array::from_fn(|q| vld1q_s32(constants.bias.as_ptr().add(4 * q))),
                core::array::from_fn(|q| vld1q_s32(shift.as_ptr().add(4 * q))),
                core::array::from_fn(|half| vld1q_s16(constants.mul.as_ptr().add(8 * half))),
            )
        };
        Self {
            weights: plan.filter.block_weights(block),
            bias,
            shift,
            mul,
            zero_point: vdupq_n_s16(plan.output.zero_point.into()),
            lo: vdupq_n_u8(plan.lo),
            top: vdupq_n_u8(plan.output.top),
            channel,
            stored: plan.output.stored.saturating_sub(channel).min(BLOCK),
        }
    }

    /// For activations as i8, 128 less than they are: `sum u w = sum (u - 128) w + 128 sum w`.
    #[target_feature(enable = "neon")]
    pub(super) fn signed(plan: &ConvPlan<'a>, block: usize) -> Self {
        let mut outputs = Self::new(plan, block);
        // Each group adds two weights to a 16-bit sum: 128 groups fit, 128 * 2 * 127 < 2^15.
        for weights in outputs.weights.chunks(128 * GROUP) {
            let mut sums = [vdupq_n_s16(0); 4];
            for group in weights.chunks_exact(GROUP) {
                // SAFETY: a group has the 64 bytes.
                let w = unsafe { load_weights(group.as_ptr()) };
                for (sum, w) in sums.iter_mut().zip(w) {
                    *sum = vpadalq_s8(*sum, w);
                }
            }
            for (bias, sum) in outputs.bias.iter_mut().zip(sums) {
                *bias = vaddq_s32(*bias, vshlq_n_s32::<7>(vpaddlq_s16(sum)));
            }
        }
        outputs
    }

    /// Requantises and stores `P` pixels of row `y` from `x` on.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn finish<const P: usize>(&self, acc: [Sums; P], job: &mut ConvJob<'_>, y: usize, x: usize) {
        let (plan, stride) = (job.plan(), job.plan().output.stored);
        debug_assert!(y < plan.output.height && x + P <= plan.output.width);
        let (output, residual) = job.places(y, x, self.channel);
        for (p, &acc) in acc.iter().enumerate() {
            let mut sums = self.requant(acc);
            if let Some(rule) = plan.residual {
                // SAFETY: the plan has checked that both tensors have the same shape, the job their sizes; the
                // pixel lies in a row of them.
                let u = unsafe { self.load(residual.add(p * stride)) };
                sums = add_rescaled(sums, u, rule);
            }
            // SAFETY: as above.
            unsafe { self.store(self.clamp(sums), output.add(p * stride)) };
        }
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn requant(&self, acc: Sums) -> [int16x8_t; 2] {
        let t = |q: usize| vqmovn_s32(vshlq_s32(acc[q], self.shift[q]));
        let high = |low, q: usize| vqmovn_high_s32(low, vshlq_s32(acc[q], self.shift[q]));
        [vqrdmulhq_s16(high(t(0), 1), self.mul[0]), vqrdmulhq_s16(high(t(2), 3), self.mul[1])]
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn clamp(&self, sums: [int16x8_t; 2]) -> uint8x16_t {
        let low = vqaddq_s16(sums[0], self.zero_point);
        let high = vqaddq_s16(sums[1], self.zero_point);
        let bytes = vqmovun_high_s16(vqmovun_s16(low), high);
        vminq_u8(vmaxq_u8(bytes, self.lo), self.top)
    }

    /// # Safety
    /// `self.stored` bytes can be read.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn load(&self, pixel: *const u8) -> uint8x16_t {
        if self.stored == BLOCK {
            // SAFETY: sixteen bytes can be read.
            return unsafe { vld1q_u8(pixel) };
        }
        let mut bytes = [0; BLOCK];
        for at in (0..self.stored).step_by(CHANNEL_GROUP) {
            // SAFETY: `stored` is a multiple of four, at most sixteen.
            unsafe {
                let group = pixel.add(at).cast::<[u8; CHANNEL_GROUP]>().read();
                bytes.as_mut_ptr().add(at).cast::<[u8; CHANNEL_GROUP]>().write(group);
            }
        }
        // SAFETY: the array holds sixteen bytes.
        unsafe { vld1q_u8(bytes.as_ptr()) }
    }

    /// # Safety
    /// `self.stored` bytes can be written.
    #[inline]
    #[target_feature(enable = "neon")]
    unsafe fn store(&self, values: uint8x16_t, pixel: *mut u8) {
        if self.stored == BLOCK {
            // SAFETY: sixteen bytes can be written.
            return unsafe { vst1q_u8(pixel, values) };
        }
        let mut bytes = [0; BLOCK];
        // SAFETY: the array holds sixteen bytes.
        unsafe { vst1q_u8(bytes.as_mut_ptr(), values) };
        for at in (0..self.stored).step_by(CHANNEL_GROUP) {
            // SAFETY: as in `load`.
            unsafe {
                let group = bytes.as_ptr().add(at).cast::<[u8; CHANNEL_GROUP]>().read();
                pixel.add(at).cast::<[u8; CHANNEL_GROUP]>().write(group);
            }
        }
    }
}

/// Adds sixteen bytes of a residual, rescaled.
#[inline]
#[target_feature(enable = "neon")]
fn add_rescaled(sums: [int16x8_t; 2], u: uint8x16_t, plan: ResidualPlan) -> [int16x8_t; 2] {
    let rule = plan.rescale;
    let zero_point = vdupq_n_u8(rule.zero_point);
    let shift = vdupq_n_s16(rule.shift.into());
    let mul = vdupq_n_s16(rule.mul);
    let rescale = |difference| vqrdmulhq_s16(vshlq_s16(vreinterpretq_s16_u16(difference), shift), mul);
    let low = rescale(vsubl_u8(vget_low_u8(u), vget_low_u8(zero_point)));
    let high = rescale(vsubl_high_u8(u, zero_point));
    [vqaddq_s16(sums[0], low), vqaddq_s16(sums[1], high)]
}

/// One weight group: four outputs by four of depth per register.
///
/// # Safety
/// 64 bytes can be read.
#[inline]
#[target_feature(enable = "neon")]
pub(super) unsafe fn load_weights(group: *const u8) -> [int8x16_t; 4] {
    let group = group.cast::<i8>();
    // SAFETY: the caller's promise.
    unsafe { core::array::from_fn(|q| vld1q_s8(group.add(BLOCK * q))) }
}
