//! Channels of two tensors side by side, upsampled where a tensor is smaller.

use super::requant::{finish, rescale};
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
        if self.is_identity(from, rule) {
            self.in_groups(from, input, output, |u| u);
        } else {
            self.in_groups(from, input, output, |u| finish(rescale(u, rule), &self.to, self.lo));
        }
    }

    /// Whether every value stays as it is: `shift` and `mul` multiply by one, and nothing is clamped.
    fn is_identity(&self, from: &Tensor, rule: Rescale) -> bool {
        let same = rule.zero_point == self.to.zero_point && i32::from(rule.mul) << rule.shift == 1 << 15;
        same && self.lo == 0 && from.top <= self.to.top
    }

    #[inline(always)]
    fn in_groups(self, from: &Tensor, input: &[u8], output: &mut [u8], value: impl Fn(u8) -> u8) {
        match from.stored {
            stored if stored.is_multiple_of(32) => self.rows::<32>(from, input, output, value),
            stored if stored.is_multiple_of(16) => self.rows::<16>(from, input, output, value),
            stored if stored.is_multiple_of(8) => self.rows::<8>(from, input, output, value),
            _ => self.rows::<CHANNEL_GROUP>(from, input, output, value),
        }
    }

    /// Fills the operand's channels, `N` stored ones at a time.
    #[inline(always)]
    fn rows<const N: usize>(self, from: &Tensor, input: &[u8], output: &mut [u8], value: impl Fn(u8) -> u8) {
        let to = self.to;
        let times = from.magnification(&to).unwrap_or(1);
        for y in 0..to.height {
            let pixels = &input[from.index(y / times, 0, 0)..][..from.width * from.stored];
            let row = &mut output[to.index(y, 0, 0)..][..to.width * to.stored];
            let places = row.chunks_exact_mut(times * to.stored);
            for (pixel, places) in pixels.chunks_exact(from.stored).zip(places) {
                for (group, values) in pixel.as_chunks::<N>().0.iter().enumerate() {
                    let mut made = [0; N];
                    for i in 0..N {
                        made[i] = value(values[i]);
                    }
                    for place in places.chunks_exact_mut(to.stored) {
                        place[self.channel + group * N..][..N].copy_from_slice(&made);
                    }
                }
            }
        }
    }
}
