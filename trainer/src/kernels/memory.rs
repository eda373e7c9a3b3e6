//! Large buffers.

use rayon::prelude::*;

/// Values zeroed by one task.
const BLOCK: usize = 1024;

/// `len` zeros, written by all threads.
pub(super) fn zeros(len: usize) -> Vec<f32> {
    let blocks: Vec<[f32; BLOCK]> =
        (0..len.div_ceil(BLOCK)).into_par_iter().with_min_len(64).map(|_| [0.0; BLOCK]).collect();
    let mut values = blocks.into_flattened();
    values.truncate(len);
    values
}
