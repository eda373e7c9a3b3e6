//! Largest of two by two pixels.

use super::unweighted::VECTORS;
use crate::format::layout::CHANNEL_GROUP;
use crate::plan::MaxPoolOp;

/// Takes the largest of each two by two pixels, per channel.
#[inline(always)]
pub fn max_pool(op: &MaxPoolOp, input: &[u8], output: &mut [u8]) {
    match op.input.tensor.stored {
        stored if VECTORS && stored.is_multiple_of(16) => pool::<16>(op, input, output),
        stored if VECTORS && stored.is_multiple_of(8) => pool::<8>(op, input, output),
        _ => pool::<CHANNEL_GROUP>(op, input, output),
    }
}

/// The same, `N` stored channels at a time for all pixels.
#[inline(always)]
fn pool<const N: usize>(op: &MaxPoolOp, input: &[u8], output: &mut [u8]) {
    let (from, to) = (op.input.tensor, op.output.tensor);
    let stored = to.stored;
    for channel in (0..stored).step_by(N) {
        for y in 0..to.height {
            let upper = &input[from.index(2 * y, 0, 0)..][..2 * to.width * stored];
            let lower = &input[from.index(2 * y + 1, 0, 0)..][..2 * to.width * stored];
            let pairs = upper.chunks_exact(2 * stored).zip(lower.chunks_exact(2 * stored));
            let row = &mut output[to.index(y, 0, 0)..][..to.width * stored];
            for (out, (upper, lower)) in row.chunks_exact_mut(stored).zip(pairs) {
                let (a, b) = (&upper[channel..][..N], &upper[stored + channel..][..N]);
                let (c, d) = (&lower[channel..][..N], &lower[stored + channel..][..N]);
                let mut made = [op.lo; N];
                let four = a.iter().zip(b).zip(c.iter().zip(d));
                for (made, ((a, b), (c, d))) in made.iter_mut().zip(four) {
                    *made = *a.max(b).max(c.max(d)).max(made);
                }
                out[channel..][..N].copy_from_slice(&made);
            }
        }
    }
}
