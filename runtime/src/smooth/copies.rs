//! Noisy copies of an image in the input tensors of a batch.

use super::Image;
use crate::noise::{Gather, Noise};
use crate::ops::quantise_row;
use crate::plan::Input;

/// Pixels that are made noisy at a time: a row of a small image, a piece of a row of a large one.
const PIECE: usize = 64;

/// An image to be copied, with or without noise, into an input tensor.
///
/// The image has the shape of the input, the tensor its length.
#[derive(Debug)]
pub(crate) struct CopyJob<'i> {
    /// Shape, layout and rules.
    pub input: &'i Input,
    /// What is copied.
    pub image: &'i Image<'i>,
    /// The noise of this copy.
    pub noise: Option<Noise<'i>>,
    /// What is filled.
    pub tensor: &'i mut [u8],
}

/// Fills an input tensor: zero point throughout, then image plus noise, quantised.
///
/// Inlined so that a backend can compile it for its own instruction set.
#[inline(always)]
pub(crate) fn write_copy<L: Gather>(job: CopyJob<'_>) {
    let CopyJob { input, image, mut noise, tensor } = job;
    let layout = input.operand.tensor;
    tensor.fill(layout.zero_point);
    let mut buffer = [0; PIECE];
    for c in 0..input.channels {
        for y in 0..input.height {
            let mut pixels = image.row(c, y);
            for x in (0..input.width).step_by(PIECE) {
                let end = input.width.min(x + PIECE);
                let noisy = &mut buffer[..end - x];
                match &mut noise {
                    Some(noise) => noise.fill_with::<L>(noisy),
                    None => noisy.fill(0),
                }
                pixels.add_to(noisy);
                let target = &mut tensor[layout.index(y, x, 0)..layout.index(y, end, 0)];
                quantise_row(noisy, input.rules[c], layout.top, target, layout.stored, c);
            }
        }
    }
}
