//! From an image and its mask to the mixed image.

use super::Mixture;
use super::mix::Parts;
use crate::noise::{LANES, Lanes, Noise, Normal, OneByOne};
use crate::smooth::Image;

/// Pixels that are mixed at a time.
const PIECE: usize = 64;

/// Everything that a mixed image is made of.
#[derive(Debug)]
pub struct Recipe<'r> {
    /// The image.
    pub image: &'r Image<'r>,
    /// The mask, row by row, units of 1/255.
    pub mask: &'r [u8],
    /// Noise of the first step: the same that the mask was made from.
    pub first: Noise<'r>,
    /// Noise of the second step.
    pub second: Normal<'r>,
    /// Deviations and weights.
    pub mixture: &'r Mixture,
}

/// Neighbouring pixels of a channel's row.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'p> {
    /// Channel, row and first column.
    pub place: [usize; 3],
    /// First noisy image, in 1/255.
    pub first: &'p [i16],
    /// Deviates of the second step, units of 2^-58.
    pub deviates: &'p [i64],
    /// The mixed image, in 1/255.
    pub mixed: &'p [i16],
}

impl Recipe<'_> {
    /// Shows the mixed image piece by piece: channel by channel, row by row, from left to right.
    pub fn each_piece(self, visit: impl FnMut(Piece<'_>)) {
        self.each_piece_with::<OneByOne>(visit);
    }

    /// [`each_piece`](Self::each_piece) with the operations of a backend.
    #[inline(always)]
    pub(crate) fn each_piece_with<L: Lanes>(mut self, mut visit: impl FnMut(Piece<'_>)) {
        let [channels, height, width] = self.image.shape();
        let (mut clean, mut noisy, mut z, mut mixed) = ([0; PIECE], [0; PIECE], [0; PIECE], [0; PIECE]);
        for c in 0..channels {
            let mut rows = self.mask.chunks(width.max(1));
            for y in 0..height {
                let mut pixels = self.image.row(c, y);
                let mask = rows.next().unwrap_or_default();
                for (i, mask) in mask.chunks(PIECE).enumerate() {
                    let count = mask.len();
                    let parts = (clean.get_mut(..count), noisy.get_mut(..count), z.get_mut(..count));
                    let (Some(clean), Some(noisy), Some(z)) = parts else { continue };
                    let Some(mixed) = mixed.get_mut(..count) else { continue };
                    pixels.copy_to(clean);
                    self.first.fill_with::<L>(noisy);
                    noisy.iter_mut().zip(&*clean).for_each(|(m, &x)| *m = m.saturating_add(x.into()));
                    self.second.fill_with::<L>(z);
                    mix_piece::<L>(self.mixture, (mask, noisy, clean, z), mixed);
                    visit(Piece { place: [c, y, i * PIECE], first: noisy, deviates: z, mixed });
                }
            }
        }
    }
}

/// Masks, first noisy image, image and deviates of neighbouring pixels.
type Neighbours<'p> = (&'p [u8], &'p [i16], &'p [u8], &'p [i64]);

/// Mixes neighbouring pixels.
#[inline(always)]
fn mix_piece<L: Lanes>(mixture: &Mixture, (masks, noisy, clean, z): Neighbours<'_>, mixed: &mut [i16]) {
    let ((masks, last_masks), (noisy, last_noisy)) = (masks.as_chunks(), noisy.as_chunks());
    let ((clean, last_clean), (deviates, last_z)) = (clean.as_chunks(), z.as_chunks());
    let (blocks, last) = mixed.as_chunks_mut::<LANES>();
    let parts = masks.iter().zip(noisy).zip(clean.iter().zip(deviates));
    for (block, ((&masks, &noisy), (&clean, &deviates))) in blocks.iter_mut().zip(parts) {
        *block = mixture.mix_lanes::<L>(&Parts { masks, noisy, clean, deviates });
    }
    let parts = last_masks.iter().zip(last_noisy).zip(last_clean.iter().zip(last_z));
    for (mixed, ((&w, &m1), (&x, &z))) in last.iter_mut().zip(parts) {
        *mixed = mixture.mix(w, m1, x, z);
    }
}
