//! Noisy copies of an image in the input tensors of a batch.

use super::Image;
use crate::ops::quantise_row;
use crate::plan::Input;

/// Pixels that are made noisy at a time: a row of a small image, a piece of a row of a large one.
const PIECE: usize = 64;

/// Fills an input tensor: zero point throughout, then image plus noise, quantised.
///
/// `noise` fills its argument with the next values in CHW order; the image has the shape of the input,
/// `tensor` the length of the input tensor.
pub(super) fn write_copy(
    input: &Input,
    image: &Image<'_>,
    tensor: &mut [u8],
    mut noise: impl FnMut(&mut [i16]),
) {
    let layout = input.operand.tensor;
    tensor.fill(layout.zero_point);
    let mut buffer = [0; PIECE];
    for c in 0..input.channels {
        for y in 0..input.height {
            let mut pixels = image.row(c, y);
            for x in (0..input.width).step_by(PIECE) {
                let end = input.width.min(x + PIECE);
                let noisy = &mut buffer[..end - x];
                noise(noisy);
                for (noisy, pixel) in noisy.iter_mut().zip(&mut pixels) {
                    *noisy = noisy.saturating_add(i16::from(pixel));
                }
                let target = &mut tensor[layout.index(y, x, c)..layout.index(y, end, 0)];
                quantise_row(noisy, input.rules[c], layout.top, target, layout.stored);
            }
        }
    }
}
