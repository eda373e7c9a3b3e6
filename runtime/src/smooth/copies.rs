//! Noisy copies of an image in the input tensors of a batch.

use super::Image;
use crate::format::layout::CHANNEL_GROUP;
use crate::noise::{LANES, Lanes, Noise};
use crate::ops::{quantise_block, quantise_row};
use crate::plan::{Input, InputRule};

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
pub(crate) fn write_copy<L: Lanes>(job: CopyJob<'_>) {
    let CopyJob { input, image, mut noise, tensor } = job;
    let layout = input.operand.tensor;
    tensor.fill(layout.zero_point);
    let mut buffer = [0; PIECE];
    for (c, &rule) in input.rules.iter().enumerate().take(input.channels) {
        for y in 0..input.height {
            let mut pixels = image.row(c, y);
            let mut line = &mut tensor[layout.index(y, 0, 0)..layout.index(y, input.width, 0)];
            if let (Some(noise), Some(clean), CHANNEL_GROUP) =
                (&mut noise, pixels.neighbours(), layout.stored)
                && write_blocks::<L>(noise, clean, rule, layout.top, line, c)
            {
                continue;
            }
            for x in (0..input.width).step_by(PIECE) {
                let count = PIECE.min(input.width - x);
                let Some(target) = line.split_off_mut(..count * layout.stored) else { break };
                let noisy = &mut buffer[..count];
                match &mut noise {
                    Some(noise) => noise.fill_with::<L>(noisy),
                    None => noisy.fill(0),
                }
                pixels.add_to(noisy);
                quantise_row(noisy, rule, layout.top, target, layout.stored, c);
            }
        }
    }
}

/// Writes a row of whole blocks, without a detour through memory; false, and nothing done, if it is not one.
#[inline(always)]
fn write_blocks<L: Lanes>(
    noise: &mut Noise<'_>,
    clean: &[u8],
    rule: InputRule,
    top: u8,
    line: &mut [u8],
    channel: usize,
) -> bool {
    let (clean, []) = clean.as_chunks::<LANES>() else { return false };
    let (pixels, _) = line.as_chunks_mut::<CHANNEL_GROUP>();
    let (pixels, []) = pixels.as_chunks_mut::<LANES>() else { return false };
    let shift = 8 * channel as u32;
    noise.each_block::<L, _>(clean.iter().zip(pixels), |(clean, pixels), values| {
        quantise_block(values, clean, rule, top, pixels, shift);
    })
}
