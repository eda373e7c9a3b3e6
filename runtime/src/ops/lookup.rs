//! Values through a table.

use crate::plan::LookupOp;

/// Writes the table's entry of every value.
///
/// Once in a program: wider registers do not help.
#[inline(never)]
pub fn lookup(op: &LookupOp<'_>, input: &[u8], output: &mut [u8]) {
    let (from, to, table) = (op.input.tensor, op.output.tensor, op.table);
    let row = to.width * to.stored;
    for y in 0..to.height {
        let values = input.get(from.index(y, 0, 0)..).unwrap_or_default();
        let results = output.get_mut(to.index(y, 0, 0)..).unwrap_or_default();
        let (Some(values), Some(results)) = (values.get(..row), results.get_mut(..row)) else { return };
        for (result, &value) in results.iter_mut().zip(values) {
            *result = table[usize::from(value)];
        }
    }
}
