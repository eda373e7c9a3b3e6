//! Border of a tensor.

use crate::ADAPTIVE;
use crate::plan::Tensor;

/// Fills the border of a tensor: with its zero point, or with the pixels inside, mirrored; `bytes` is the whole tensor.
pub fn fill_border(tensor: &Tensor, bytes: &mut [u8]) {
    if ADAPTIVE && tensor.mirrored {
        return mirror_border(tensor, bytes);
    }
    let (row, side) = (tensor.row_bytes(), tensor.border * tensor.stored);
    let top = tensor.border * row + side;
    let Some((first, rest)) = bytes.split_at_mut_checked(top) else { return };
    first.fill(tensor.zero_point);
    // What follows a row's pixels is its right border and the left border of the next row; after the last row, the
    // whole lower border.
    let pixels = row - 2 * side;
    let Some((rows, last)) = rest.split_at_mut_checked((tensor.height - 1) * row) else { return };
    for row in rows.chunks_exact_mut(row.max(1)) {
        fill(row.get_mut(pixels..).unwrap_or_default(), tensor.zero_point);
    }
    last.get_mut(pixels..).unwrap_or_default().fill(tensor.zero_point);
}

/// Fills the border of a tensor with the pixels inside, mirrored: pixel -i of a row or column is pixel i, and likewise at
/// its end; the outermost pixel is not repeated.
#[inline(never)]
pub(crate) fn mirror_border(tensor: &Tensor, bytes: &mut [u8]) {
    let (row, pixel, border) = (tensor.row_bytes(), tensor.stored, tensor.border);
    for y in 0..tensor.height {
        let start = tensor.index(y, 0, 0);
        let last = start + (tensor.width - 1) * pixel;
        for i in 1..=border {
            copy(bytes, start + i * pixel, start - i * pixel, pixel);
            copy(bytes, last - i * pixel, last + i * pixel, pixel);
        }
    }
    let last = tensor.height + border - 1;
    for i in 1..=border {
        copy(bytes, (border + i) * row, (border - i) * row, row);
        copy(bytes, (last - i) * row, (last + i) * row, row);
    }
}

/// Copies `count` bytes within a tensor to a place that is further away than that; nothing beyond its end.
fn copy(bytes: &mut [u8], from: usize, to: usize, count: usize) {
    let Some((before, behind)) = bytes.split_at_mut_checked(from.max(to)) else { return };
    let Some(before) = before.get_mut(from.min(to)..) else { return };
    let pairs = before.iter_mut().zip(behind).take(count);
    if from < to {
        pairs.for_each(|(from, to)| *to = *from);
    } else {
        pairs.for_each(|(to, from)| *to = *from);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrored_borders_hold_the_pixels_at_the_mirrored_place() {
        for (height, width, border) in [(2, 2, 1), (3, 5, 2), (4, 3, 1), (7, 6, 5)] {
            let stored = 4;
            let bytes = (height + 2 * border) * (width + 2 * border) * stored;
            let (zero_point, top, channels) = (9, 255, 3);
            let tensor = Tensor {
                offset: 0,
                height,
                width,
                channels,
                stored,
                border,
                mirrored: true,
                zero_point,
                top,
                bytes,
            };
            let value = |y: usize, x: usize, c: usize| (y * 31 + x * 7 + c) as u8;
            let mut memory = [0; 17 * 16 * 4];
            let memory = &mut memory[..bytes];
            for (y, x, c) in
                (0..height * width * stored).map(|i| (i / stored / width, i / stored % width, i % stored))
            {
                memory[tensor.index(y, x, c)] = value(y, x, c);
            }
            fill_border(&tensor, memory);
            let mirror = |at: usize, size: usize| {
                let at = at as isize - border as isize;
                let last = size as isize - 1;
                (last - (last - at.abs()).abs()) as usize
            };
            for (i, &found) in memory.iter().enumerate() {
                let (row, column) = (i / tensor.row_bytes(), i % tensor.row_bytes() / stored);
                let expected = value(mirror(row, height), mirror(column, width), i % stored);
                assert_eq!(found, expected, "{height}x{width}, border {border}, row {row}, column {column}");
            }
        }
    }
}
