//! Addition of two tensors, and rescaling of one.

use super::requant::{finish, rescale};
use crate::plan::AddOp;

/// Adds `residual` (if the operation has one) to `input`, each brought to the output's scale.
pub fn add(op: &AddOp, input: &[u8], residual: Option<&[u8]>, output: &mut [u8]) {
    let (from, to) = (op.input.tensor, op.output.tensor);
    let row = to.width * to.stored;
    for y in 0..to.height {
        let a = &input[from.index(y, 0, 0)..][..row];
        let out = &mut output[to.index(y, 0, 0)..][..row];
        match op.residual.zip(residual) {
            Some((second, bytes)) => {
                let b = &bytes[second.operand.tensor.index(y, 0, 0)..][..row];
                for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                    let sum = rescale(a, op.rescale) + rescale(b, second.rescale);
                    *out = finish(sum, &to, op.lo);
                }
            }
            None => {
                for (out, &a) in out.iter_mut().zip(a) {
                    *out = finish(rescale(a, op.rescale), &to, op.lo);
                }
            }
        }
    }
}
