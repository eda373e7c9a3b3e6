//! Eight outputs at a time, row after row: what the kernels of microcontrollers have in common.
//!
//! A kernel first brings the weights of eight outputs into the order in which it multiplies, once for all pixels; there
//! are always many more pixels than that costs. It then computes rows of outputs, in assembly as a whole.

use crate::format::layout::{BLOCK, CHANNEL_GROUP};
use crate::ops::{ConvJob, ConvPlan};
use crate::plan::Rescale;
use core::ptr;

/// Outputs that are computed together.
pub(super) const OCTET: usize = 8;

/// Four weights of each output of an octet.
pub(super) type Group = [[u8; CHANNEL_GROUP]; OCTET];

/// A row of pixels of an octet, as the kernels read it; they move on in `pixels`, `output`, `residual` and `left`.
#[repr(C)]
pub(super) struct Row<C> {
    /// Weights in the order of the kernel.
    pub weights: *const u8,
    /// The window of the next pixel.
    pub pixels: *const u8,
    /// Bytes from a window to the next.
    pub step_x: usize,
    /// Bytes of a run of the window; a multiple of four, not 0.
    pub run: usize,
    /// Runs of the window, not 0.
    pub rows: usize,
    /// Bytes from the end of a run, as the kernel leaves it, to the start of the next.
    pub turn: usize,
    /// Pixels left, not 0.
    pub left: usize,
    /// The octet's outputs of the next pixel.
    pub output: *mut u8,
    /// The same of the residual, if there is one.
    pub residual: *const u8,
    /// Bytes from a pixel of both to the next.
    pub step: usize,
    /// How many of the outputs are stored: four or eight.
    pub stored: usize,
    /// Of the output.
    pub zero_point: i32,
    /// Least and largest value of the output, in each of four bytes.
    pub lo: u32,
    pub top: u32,
    /// The residual's rule.
    pub residual_zero_point: i32,
    pub residual_shift: u32,
    pub residual_mul: i32,
    /// Where sums start.
    pub bias: [i32; OCTET],
    /// The rule of each output in the form of the kernel.
    pub rules: C,
}

/// How an instruction set multiplies; holds the weights of an octet in its order.
pub(super) trait Kernel {
    /// Shifts and multipliers of an octet.
    type Rules;

    /// Brings the weights of a plan's octet into order; says where they are.
    fn repack(&mut self, plan: &ConvPlan<'_>, octet: usize) -> *const u8;

    /// What the kernel leaves out of the sums of every window.
    fn missing(&self) -> [i32; OCTET] {
        [0; OCTET]
    }

    /// Right shifts and multipliers in the form of the kernel.
    fn rules(pre: [u8; OCTET], mul: [i16; OCTET]) -> Self::Rules;

    /// How many bytes of a run the kernel moves on.
    fn read(run: usize) -> usize;

    /// Computes the pixels of a row of the plan.
    ///
    /// # Safety
    /// The windows of all pixels can be read, the stored outputs of all pixels can be written and, if there is a residual,
    /// read from it; the weights were repacked for the plan.
    unsafe fn row(plan: &ConvPlan<'_>, row: &mut Row<Self::Rules>);
}

/// Octets of a block.
const OCTETS: usize = BLOCK / OCTET;

/// The weights of an octet, in the order of the depth.
pub(super) fn groups<'a>(plan: &ConvPlan<'a>, octet: usize) -> impl Iterator<Item = &'a Group> + use<'a> {
    let (weights, _) = plan.filter.block_weights(octet / OCTETS).as_chunks::<CHANNEL_GROUP>();
    let (groups, _) = weights.as_chunks::<OCTET>();
    groups.iter().skip(octet % OCTETS).step_by(OCTETS)
}

/// The weights of a block from the first group of an octet on.
pub(super) fn packed<'a>(plan: &ConvPlan<'a>, octet: usize) -> &'a [u8] {
    &plan.filter.block_weights(octet / OCTETS)[octet % OCTETS * OCTET * CHANNEL_GROUP..]
}

/// See [`ops::conv`](crate::ops::conv).
pub(super) fn conv<K: Kernel>(kernel: &mut K, mut job: ConvJob<'_>) {
    let plan = job.plan();
    for octet in 0..plan.output.stored.div_ceil(OCTET) {
        let weights = kernel.repack(plan, octet);
        let mut row = first_row::<K>(plan, octet, weights, kernel.missing());
        for y in 0..plan.output.height {
            row.pixels = job.input()[plan.window(y, 0)..].as_ptr();
            row.left = plan.output.width;
            (row.output, row.residual) = job.places(y, 0, octet * OCTET);
            if plan.residual.is_none() {
                row.residual = ptr::null();
            }
            // SAFETY: plan and job have checked that the windows lie in the input and the pixels in the output and the
            // residual, each with the channels of the octet that are stored.
            unsafe { K::row(plan, &mut row) };
        }
    }
}

/// What all rows of an octet have in common.
fn first_row<K: Kernel>(
    plan: &ConvPlan<'_>,
    octet: usize,
    weights: *const u8,
    missing: [i32; OCTET],
) -> Row<K::Rules> {
    let (output, channel) = (&plan.output, octet * OCTET);
    let constants = plan.filter.requant(channel / BLOCK);
    let first = channel % BLOCK;
    let residual = plan.residual.map(|residual| residual.rescale);
    let residual = residual.unwrap_or(Rescale { zero_point: 0, shift: 0, mul: 0 });
    Row {
        weights,
        pixels: ptr::null(),
        step_x: plan.step_x,
        run: plan.run,
        rows: plan.rows,
        turn: plan.row_bytes.wrapping_sub(K::read(plan.run)),
        left: 0,
        output: ptr::null_mut(),
        residual: ptr::null(),
        step: output.stored,
        stored: output.stored.saturating_sub(channel).min(OCTET),
        zero_point: output.zero_point.into(),
        lo: u32::from_le_bytes([plan.lo; 4]),
        top: u32::from_le_bytes([output.top; 4]),
        residual_zero_point: residual.zero_point.into(),
        residual_shift: residual.shift.into(),
        residual_mul: residual.mul.into(),
        bias: core::array::from_fn(|o| constants.bias[first + o].wrapping_add(missing[o])),
        rules: K::rules(
            core::array::from_fn(|o| constants.pre[first + o]),
            core::array::from_fn(|o| constants.mul[first + o]),
        ),
    }
}
