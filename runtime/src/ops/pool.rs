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
        let rows = (0..from.height).map(|y| &input[from.index(y, 0, 0)..][..from.width * from.stored]);
        let sums = match from.stored {
            stored if BLOCK.is_multiple_of(stored) => narrow_sums(rows, stored),
            stored => block_sums(rows, stored, block * BLOCK),
        };
        for (out, &sum) in out.iter_mut().zip(&sums) {
            *out = finish(requant(sum + op.bias, op.pre, op.mul), &to, op.lo);
        }
    }
}

/// Sums of 4, 8 or 16 stored channels: several pixels side by side.
#[inline(always)]
fn narrow_sums<'a>(rows: impl Iterator<Item = &'a [u8]>, stored: usize) -> [i32; BLOCK] {
    let mut lanes = [0; BLOCK];
    for row in rows {
        let (blocks, rest) = row.as_chunks::<BLOCK>();
        for block in blocks {
            for (lane, &u) in lanes.iter_mut().zip(block) {
                *lane += i32::from(u);
            }
        }
        for (lane, &u) in lanes.iter_mut().zip(rest) {
            *lane += i32::from(u);
        }
    }
    let mut sums = [0; BLOCK];
    for (i, lane) in lanes.into_iter().enumerate() {
        sums[i % stored] += lane;
    }
    sums
}

/// Sums of sixteen channels from `channel` on, or of as many as there are.
#[inline(always)]
fn block_sums<'a>(rows: impl Iterator<Item = &'a [u8]>, stored: usize, channel: usize) -> [i32; BLOCK] {
    let mut sums = [0; BLOCK];
    for row in rows {
        for pixel in row.chunks_exact(stored) {
            if let Some(values) = pixel[channel..].first_chunk::<BLOCK>() {
                for (sum, &u) in sums.iter_mut().zip(values) {
                    *sum += i32::from(u);
                }
            } else {
                for (sum, &u) in sums.iter_mut().zip(&pixel[channel..]) {
                    *sum += i32::from(u);
                }
            }
        }
    }
    sums
}
