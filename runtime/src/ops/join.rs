//! Channels of two tensors side by side, upsampled where a tensor is smaller.

use super::requant::{finish, rescale};
use super::unweighted::VECTORS;
use crate::format::layout::CHANNEL_GROUP;
use crate::plan::{JoinOp, Rescale, Tensor};

/// Writes the operands' channels side by side, each brought to the output's scale; an operand of half the height and
/// width gives each of its pixels to two by two of the output.
#[inline(always)]
pub fn join(op: &JoinOp, input: &[u8], second: Option<&[u8]>, output: &mut [u8]) {
    let place = Place { to: op.output.tensor, lo: op.lo, channel: 0 };
    place.spread(&op.input.tensor, op.rescale, input, output);
    if let (Some(other), Some(bytes)) = (op.second, second) {
        let place = Place { channel: op.input.tensor.channels, ..place };
        place.spread(&other.operand.tensor, other.rescale, bytes, output);
    }
}

/// Where an operand goes.
#[derive(Clone, Copy)]
struct Place {
    to: Tensor,
    lo: u8,
    /// The first of its channels.
    channel: usize,
}

impl Place {
    /// Copies or rescales an operand.
    #[inline(always)]
    fn spread(self, from: &Tensor, rule: Rescale, input: &[u8], output: &mut [u8]) {
        let rule = Some(rule).filter(|rule| !self.is_identity(from, *rule));
        match from.stored {
            stored if VECTORS && stored.is_multiple_of(16) => self.sized::<16>(from, rule, input, output),
            stored if VECTORS && stored.is_multiple_of(8) => self.sized::<8>(from, rule, input, output),
            _ => self.sized::<CHANNEL_GROUP>(from, rule, input, output),
        }
    }

    /// Whether every value stays as it is: `shift` and `mul` multiply by one, and nothing is clamped.
    fn is_identity(&self, from: &Tensor, rule: Rescale) -> bool {
        let same = rule.zero_point == self.to.zero_point && i32::from(rule.mul) << rule.shift == 1 << 15;
        same && self.lo == 0 && from.top <= self.to.top
    }

    #[inline(always)]
    fn sized<const N: usize>(self, from: &Tensor, rule: Option<Rescale>, input: &[u8], output: &mut [u8]) {
        // Loops of their own where they are worth the code.
        match from.height < self.to.height {
            false if VECTORS => self.rows::<N>(false, from, rule, input, output),
            true if VECTORS => self.rows::<N>(true, from, rule, input, output),
            twice => self.rows::<N>(twice, from, rule, input, output),
        }
    }

    /// Fills the operand's channels, `N` stored ones at a time for all pixels, each pixel for one of the output, or for two by two.
    /// Without a rule values stay as they are.
    #[inline(always)]
    fn rows<const N: usize>(
        self,
        twice: bool,
        from: &Tensor,
        rule: Option<Rescale>,
        input: &[u8],
        output: &mut [u8],
    ) {
        let to = self.to;
        for channel in (0..from.stored).step_by(N) {
            for y in 0..to.height {
                let pixels = input.get(from.index(y >> u32::from(twice), 0, 0)..).unwrap_or_default();
                let row = output.get_mut(to.index(y, 0, 0)..).unwrap_or_default();
                let cut = (pixels.get(..from.width * from.stored), row.get_mut(..to.width * to.stored));
                let (Some(pixels), Some(row)) = cut else { return };
                let mut places = row.chunks_exact_mut((to.stored << u32::from(twice)).max(1));
                for pixel in pixels.chunks_exact(from.stored.max(1)) {
                    let Some(places) = places.next() else { return };
                    let Some(&values) = pixel.get(channel..).and_then(<[u8]>::first_chunk::<N>) else {
                        return;
                    };
                    let mut values = values;
                    if let Some(rule) = rule {
                        for value in &mut values {
                            *value = finish(rescale(*value, rule), &to, self.lo);
                        }
                    }
                    for copy in 0..=usize::from(twice) {
                        let place = places.get_mut(copy * to.stored + self.channel + channel..);
                        let Some(place) = place.and_then(<[u8]>::first_chunk_mut::<N>) else { return };
                        *place = values;
                    }
                }
            }
        }
    }
}
