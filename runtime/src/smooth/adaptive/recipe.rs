//! From an image and its mask to the mixed image.

use super::Mixture;
use crate::noise::{Noise, Normal};
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
    pub fn each_piece(mut self, mut visit: impl FnMut(Piece<'_>)) {
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
                    clean.iter_mut().zip(&mut pixels).for_each(|(clean, pixel)| *clean = pixel);
                    self.first.fill(noisy);
                    noisy.iter_mut().zip(&*clean).for_each(|(m, &x)| *m = m.saturating_add(x.into()));
                    self.second.fill(z);
                    let known = mask.iter().zip(&*clean).zip(noisy.iter().zip(&*z));
                    for (mixed, ((&w, &x), (&m1, &z))) in mixed.iter_mut().zip(known) {
                        *mixed = self.mixture.mix(w, m1, x, z);
                    }
                    visit(Piece { place: [c, y, i * PIECE], first: noisy, deviates: z, mixed });
                }
            }
        }
    }
}
