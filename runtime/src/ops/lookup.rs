//! Values through a table.

use crate::plan::LookupOp;

/// Writes the table's entry of every value.
#[inline(always)]
pub fn lookup(op: &LookupOp<'_>, input: &[u8], output: &mut [u8]) {
    let (from, to) = (op.input.tensor, op.output.tensor);
    let row = to.width * to.stored;
    for y in 0..to.height {
        let values = input.get(from.index(y, 0, 0)..).unwrap_or_default();
        let results = output.get_mut(to.index(y, 0, 0)..).unwrap_or_default();
        for (result, &value) in results.iter_mut().zip(values).take(row) {
            *result = op.table[usize::from(value)];
        }
    }
}
