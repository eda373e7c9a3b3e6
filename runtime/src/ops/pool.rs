//! Global average pool.

use super::requant::{finish, requant};
use crate::format::layout::BLOCK;
use crate::plan::PoolOp;

/// Averages every channel over all pixels into the single pixel of the output.
#[inline(always)]
pub fn global_avg_pool(op: &PoolOp, input: &[u8], output: &mut [u8]) {
    let (from, to) = (op.input.tensor, op.output.tensor);
    let start = to.index(0, 0, 0);
    let pixel = &mut output[start..][..to.stored];
    for (block, out) in pixel.chunks_mut(BLOCK).enumerate() {
        let mut sums = [op.bias; BLOCK];
        for y in 0..from.height {
            let row = &input[from.index(y, 0, 0)..][..from.width * from.stored];
            for pixel in row.chunks_exact(from.stored) {
                for (sum, &u) in sums.iter_mut().zip(&pixel[block * BLOCK..]) {
                    *sum += i32::from(u);
                }
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = finish(requant(sum, op.pre, op.mul), &to, op.lo);
        }
    }
}
