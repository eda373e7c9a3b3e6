//! Values through a table, 64 at a time.

use crate::plan::LookupOp;
use core::arch::x86_64::*;

/// See [`ops::lookup`](crate::ops::lookup): the same bytes.
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
pub(super) fn lookup(op: &LookupOp<'_>, input: &[u8], output: &mut [u8]) {
    let (from, to, table) = (op.input.tensor, op.output.tensor, op.table);
    let row = to.width * to.stored;
    let quarters = table.as_ptr();
    // SAFETY: the table has four times 64 bytes.
    let [a, b, c, d] = unsafe {
        [
            _mm512_loadu_si512(quarters.cast()),
            _mm512_loadu_si512(quarters.add(64).cast()),
            _mm512_loadu_si512(quarters.add(128).cast()),
            _mm512_loadu_si512(quarters.add(192).cast()),
        ]
    };
    for y in 0..to.height {
        let values = input.get(from.index(y, 0, 0)..).unwrap_or_default();
        let results = output.get_mut(to.index(y, 0, 0)..).unwrap_or_default();
        let (Some(values), Some(results)) = (values.get(..row), results.get_mut(..row)) else { return };
        let (blocks, rest) = values.as_chunks::<64>();
        let (targets, last) = results.as_chunks_mut::<64>();
        for (target, block) in targets.iter_mut().zip(blocks) {
            // SAFETY: 64 bytes.
            let index = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            // The last seven bits of a value choose in either half of the table, the first one between the halves.
            let low = _mm512_permutex2var_epi8(a, index, b);
            let high = _mm512_permutex2var_epi8(c, index, d);
            let found = _mm512_mask_blend_epi8(_mm512_movepi8_mask(index), low, high);
            // SAFETY: 64 bytes.
            unsafe { _mm512_storeu_si512(target.as_mut_ptr().cast(), found) };
        }
        for (result, &value) in last.iter_mut().zip(rest) {
            *result = table[usize::from(value)];
        }
    }
}
