//! Addition of two tensors, and rescaling of one.

use super::requant::{finish, rescale};
use crate::plan::AddOp;

/// Adds the residual (if the operation has one) to `input`, each brought to the output's scale. A residual in
/// the place of the output is not given a second time.
#[inline(always)]
pub fn add(op: &AddOp, input: &[u8], residual: Option<&[u8]>, output: &mut [u8]) {
    let (from, to) = (op.input.tensor, op.output.tensor);
    let row = to.width * to.stored;
    for y in 0..to.height {
        let a = &input[from.index(y, 0, 0)..][..row];
        let out = &mut output[to.index(y, 0, 0)..][..row];
        for (at, (out, &a)) in out.iter_mut().zip(a).enumerate() {
            let mut sum = rescale(a, op.rescale);
            if let Some(second) = op.residual {
                let other = residual.map_or(*out, |b| b[second.operand.tensor.index(y, 0, at)]);
                sum += rescale(other, second.rescale);
            }
            *out = finish(sum, &to, op.lo);
        }
    }
}
