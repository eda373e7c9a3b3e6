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
    let line = |y: usize| input.get(from.index(y, 0, 0)..).and_then(|rest| rest.get(..2 * to.width * stored));
    for channel in (0..stored).step_by(N) {
        for y in 0..to.height {
            let row = output.get_mut(to.index(y, 0, 0)..).and_then(|rest| rest.get_mut(..to.width * stored));
            let (Some(row), Some(upper), Some(lower)) = (row, line(2 * y), line(2 * y + 1)) else { return };
            let pairs = upper.chunks_exact((2 * stored).max(1)).zip(lower.chunks_exact((2 * stored).max(1)));
            for (out, (upper, lower)) in row.chunks_exact_mut(stored.max(1)).zip(pairs) {
                let four = [
                    (upper, channel),
                    (upper, stored + channel),
                    (lower, channel),
                    (lower, stored + channel),
                ]
                .map(|(pair, at)| pair.get(at..).and_then(<[u8]>::first_chunk::<N>));
                let place = out.get_mut(channel..).and_then(<[u8]>::first_chunk_mut::<N>);
                let ([Some(a), Some(b), Some(c), Some(d)], Some(place)) = (four, place) else { return };
                *place = core::array::from_fn(|i| a[i].max(b[i]).max(c[i].max(d[i])).max(op.lo));
            }
        }
    }
}
