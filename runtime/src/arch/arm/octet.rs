//! Eight outputs at a time, pixel after pixel: what the kernels of microcontrollers have in common.
//!
//! A kernel first brings the weights of eight outputs into the order in which it multiplies, once for all pixels; there
//! are always many more pixels than that costs. It then adds up the window of one pixel after the other.

use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use crate::plan::Rescale;

/// Outputs that are computed together.
pub(super) const OCTET: usize = 8;

/// Four weights of each output of an octet.
pub(super) type Group = [[u8; CHANNEL_GROUP]; OCTET];

/// A window in bytes, as the kernels read it.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Window {
    /// Bytes of a run; a multiple of four, not 0.
    pub run: usize,
    /// Runs, not 0.
    pub rows: usize,
    /// From the end of a run, as the kernel leaves it, to the start of the next.
    pub turn: usize,
}

/// How an instruction set multiplies.
pub(super) trait Kernel {
    /// Weights of an octet in the order of the kernel.
    type Weights;

    /// Brings those of a plan's octet into it.
    fn repack(plan: &ConvPlan<'_>, octet: usize, weights: &mut Self::Weights);

    /// What the kernel leaves out of the sums of every window.
    fn missing(_: &Self::Weights) -> [i32; OCTET] {
        [0; OCTET]
    }

    /// The window of the plan.
    fn window(plan: &ConvPlan<'_>) -> Window;

    /// Adds the products of a window.
    ///
    /// # Safety
    /// All runs can be read from `pixels` on; the weights were repacked for the plan of the window.
    unsafe fn add(pixels: *const u8, weights: &Self::Weights, sums: &mut [i32; OCTET], window: &Window);
}

/// The weights of an octet, in the order of the depth.
pub(super) fn groups<'a>(plan: &ConvPlan<'a>, octet: usize) -> impl Iterator<Item = &'a Group> + use<'a> {
    const OCTETS: usize = BLOCK / OCTET;
    let weights = plan.filter.block_weights(octet / OCTETS);
    let (weights, _) = weights.as_chunks::<CHANNEL_GROUP>();
    let (groups, _) = weights.as_chunks::<OCTET>();
    groups.iter().skip(octet % OCTETS).step_by(OCTETS)
}

/// See [`ops::conv`](crate::ops::conv).
pub(super) fn conv<K: Kernel>(weights: &mut K::Weights, mut job: ConvJob<'_>) {
    let plan = job.plan();
    for octet in 0..plan.output.stored.div_ceil(OCTET) {
        K::repack(plan, octet, weights);
        if plan.residual.is_some() {
            rows::<K, true>(weights, octet, &mut job);
        } else {
            rows::<K, false>(weights, octet, &mut job);
        }
    }
}

/// All pixels of an octet, with (`R`) or without a residual.
fn rows<K: Kernel, const R: bool>(weights: &K::Weights, octet: usize, job: &mut ConvJob<'_>) {
    let plan = job.plan();
    let (mut tail, window) = (Tail::new(plan, octet), K::window(plan));
    for (bias, missing) in tail.bias.iter_mut().zip(K::missing(weights)) {
        *bias += missing;
    }
    for y in 0..plan.output.height {
        let mut pixels = job.input()[plan.window(y, 0)..].as_ptr();
        let (mut output, mut residual) = job.places(y, 0, octet * OCTET);
        for _ in 0..plan.output.width {
            let mut sums = tail.bias;
            // SAFETY: plan and job have checked that every window of the row lies in the input, that every pixel of it
            // lies in the output and in the residual, and how many channels are stored.
            unsafe {
                K::add(pixels, weights, &mut sums, &window);
                tail.finish::<R>(&sums, output, residual);
            }
            pixels = pixels.wrapping_add(plan.step_x);
            output = output.wrapping_add(plan.output.stored);
            residual = residual.wrapping_add(plan.output.stored);
        }
    }
}

/// From accumulators to bytes.
struct Tail {
    bias: [i32; OCTET],
    mul: [i32; OCTET],
    pre: [u32; OCTET],
    rescale: Rescale,
    zero_point: i32,
    lo: i32,
    top: i32,
    /// How many of the outputs are stored: four or eight.
    stored: usize,
}

impl Tail {
    fn new(plan: &ConvPlan<'_>, octet: usize) -> Self {
        let channel = octet * OCTET;
        let constants = plan.filter.requant(channel / BLOCK);
        let first = channel % BLOCK;
        let residual = plan.residual.map(|residual| residual.rescale);
        Self {
            bias: core::array::from_fn(|o| constants.bias[first + o]),
            mul: core::array::from_fn(|o| constants.mul[first + o].into()),
            pre: core::array::from_fn(|o| constants.pre[first + o].into()),
            rescale: residual.unwrap_or(Rescale { zero_point: 0, shift: 0, mul: 0 }),
            zero_point: plan.output.zero_point.into(),
            lo: plan.lo.into(),
            top: plan.output.top.into(),
            stored: plan.output.stored.saturating_sub(channel).min(OCTET),
        }
    }

    /// # Safety
    /// The stored channels can be written to `output` and, with `R`, read from `residual`.
    #[inline(always)]
    unsafe fn finish<const R: bool>(&self, sums: &[i32; OCTET], output: *mut u8, residual: *const u8) {
        const HALF: usize = OCTET / 2;
        // SAFETY: by the contract of this function.
        unsafe {
            self.finish_half::<R, 0>(sums, output, residual);
            if self.stored > HALF {
                self.finish_half::<R, HALF>(sums, output, residual);
            }
        }
    }

    /// Four outputs from the `F`th on.
    ///
    /// # Safety
    /// As [`finish`](Self::finish).
    #[inline(always)]
    unsafe fn finish_half<const R: bool, const F: usize>(
        &self,
        sums: &[i32; OCTET],
        output: *mut u8,
        residual: *const u8,
    ) {
        let mut bytes = [0; OCTET / 2];
        let mut others = [0; OCTET / 2];
        if R {
            // SAFETY: by the contract of this function.
            others = unsafe { residual.wrapping_add(F).cast::<[u8; OCTET / 2]>().read() };
        }
        for (o, (byte, other)) in bytes.iter_mut().zip(others).enumerate() {
            let t = (sums[F + o] >> self.pre[F + o]).clamp(i16::MIN.into(), i16::MAX.into());
            let mut sum = round(t * self.mul[F + o]) + self.zero_point;
            if R {
                let rule = &self.rescale;
                let difference = i32::from(other) - i32::from(rule.zero_point);
                sum += round((difference << rule.shift) * i32::from(rule.mul));
            }
            *byte = sum.max(self.lo).min(self.top) as u8;
        }
        // SAFETY: by the contract of this function.
        unsafe { output.wrapping_add(F).cast::<[u8; OCTET / 2]>().write(bytes) };
    }
}

/// A product of two i16 in units of 2^-15, rounded half up.
#[inline(always)]
fn round(product: i32) -> i32 {
    (product + 0x4000) >> 15
}
