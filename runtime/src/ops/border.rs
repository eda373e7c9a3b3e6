//! Border of a tensor.

use crate::plan::Tensor;

/// Fills the border of a tensor with its zero point; `bytes` is the whole tensor.
pub fn fill_border(tensor: &Tensor, bytes: &mut [u8]) {
    let (row, side) = (tensor.row_bytes(), tensor.border * tensor.stored);
    for (y, bytes) in bytes.chunks_exact_mut(row).enumerate() {
        if (tensor.border..tensor.border + tensor.height).contains(&y) {
            bytes[..side].fill(tensor.zero_point);
            bytes[row - side..].fill(tensor.zero_point);
        } else {
            bytes.fill(tensor.zero_point);
        }
    }
}
