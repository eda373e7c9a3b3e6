//! Convolution with AVX2, which has no exact dot product of bytes.
//!
//! [`narrow`] is for inputs of seven bits, [`wide`] for all others.

mod narrow;
mod wide;

use crate::ops::ConvJob;

/// Largest value whose products with two weights, summed, fit 16 bits: 2 * 127 * 127 < 2^15.
const NARROW_TOP: u8 = 127;

/// See [`ops::conv`](crate::ops::conv). Needs 64 KiB of stack.
#[target_feature(enable = "avx2")]
pub(super) fn conv(job: ConvJob<'_>) {
    match job.plan() {
        plan if plan.input_top > NARROW_TOP => wide::conv(job),
        plan if plan.pairs => narrow::conv::<true>(job),
        _ => narrow::conv::<false>(job),
    }
}
