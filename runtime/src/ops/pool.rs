//! Global average pool.

use super::requant::{finish, requant};
use crate::format::layout::BLOCK;
use crate::plan::PoolOp;

/// Averages every channel over all pixels into the single pixel of the output.
pub fn global_avg_pool(op: &PoolOp, input: &[u8], output: &mut [u8]) {
    let (from, to) = (op.input.tensor, op.output.tensor);
    let start = to.index(0, 0, 0);
    let pixel = &mut output[start..][..to.stored];
    for (block, out) in pixel.chunks_mut(BLOCK).enumerate() {
        let mut sums = [op.bias; BLOCK];
        for y in 0..from.height {
            let row = &input[from.index(y, 0, 0)..][..from.width * from.stored];
            for pixel in row.chunks_exact(from.stored) {
                let channels = &pixel[block * BLOCK..];
                // A whole block at once, for which compilers have vector instructions.
                if let Some(channels) = channels.first_chunk::<BLOCK>() {
                    add(&mut sums, channels);
                } else {
                    add(&mut sums, channels);
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = finish(requant(sum, op.pre, op.mul), &to, op.lo);
        }
    }
}

#[inline(always)]
fn add(sums: &mut [i32; BLOCK], channels: &[u8]) {
    for (sum, &u) in sums.iter_mut().zip(channels) {
        *sum += i32::from(u);
    }
}
