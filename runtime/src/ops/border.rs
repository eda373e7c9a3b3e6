//! Border of a tensor.

use crate::plan::Tensor;

/// Fills the border of a tensor with its zero point; `bytes` is the whole tensor.
pub fn fill_border(tensor: &Tensor, bytes: &mut [u8]) {
    let (row, side) = (tensor.row_bytes(), tensor.border * tensor.stored);
    let top = tensor.border * row + side;
    let Some((first, rest)) = bytes.split_at_mut_checked(top) else { return };
    first.fill(tensor.zero_point);
    // What follows a row's pixels is its right border and the left border of the next row; after the last row, the
    // whole lower border.
    let pixels = row - 2 * side;
    let (rows, last) = rest.split_at_mut((tensor.height - 1) * row);
    for row in rows.chunks_exact_mut(row) {
        fill(&mut row[pixels..], tensor.zero_point);
    }
    last[pixels..].fill(tensor.zero_point);
}

/// Fills a few bytes: two borders of one pixel of 16, 32 or 64 channels without a call.
fn fill(bytes: &mut [u8], value: u8) {
    if let Ok(bytes) = <&mut [u8; 32]>::try_from(&mut *bytes) {
        *bytes = [value; _];
    } else if let Ok(bytes) = <&mut [u8; 64]>::try_from(&mut *bytes) {
        *bytes = [value; _];
    } else if let Ok(bytes) = <&mut [u8; 128]>::try_from(&mut *bytes) {
        *bytes = [value; _];
    } else {
        bytes.fill(value);
    }
}
