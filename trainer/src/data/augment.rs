//! Random crop, mirror image and Gaussian noise.

use crate::random::{Normals, Stream, below, stream};
use ringfence::data::Shape;
use serde::{Deserialize, Serialize};

/// What is done to a training image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Zero border from which an image-sized window is cropped, in pixels; 0: no crop.
    pub crop: usize,
    /// Mirror left to right with probability 1/2.
    pub flip: bool,
    /// Deviation of the noise, in units of the pixel range `[0, 1]`; nothing is clipped.
    pub sigma: f32,
}

impl Augmentation {
    /// Writes the augmented image, `[0, 1]` plus noise, for the stream of `(seed, epoch, index)`.
    ///
    /// The same triple gives the same values whatever batch the image is in. `image` holds bytes
    /// in channel, row, column order.
    pub fn apply(&self, shape: Shape, image: &[u8], [epoch, index]: [u32; 2], seed: u64, out: &mut [f32]) {
        let mut random = Normals::new(stream(seed, Stream::Sample { epoch, index }));
        let range = 2 * self.crop as u32 + 1;
        let dy = below(random.source(), range) as usize;
        let dx = below(random.source(), range) as usize;
        let mirrored = below(random.source(), 2) == 1 && self.flip;
        let rows = shape.height;
        for (row, out) in out.chunks_exact_mut(shape.width).enumerate() {
            let (plane, y) = (row / rows, row % rows);
            let line = (y + dy).checked_sub(self.crop).filter(|&y| y < rows);
            let line = line.map(|y| &image[(plane * rows + y) * shape.width..][..shape.width]);
            for (x, out) in out.iter_mut().enumerate() {
                let x = if mirrored { shape.width - 1 - x } else { x };
                let pixel = (x + dx).checked_sub(self.crop).and_then(|x| line.and_then(|l| l.get(x)));
                *out = f32::from(*pixel.unwrap_or(&0)) / 255.0;
            }
        }
        if self.sigma > 0.0 {
            out.iter_mut().for_each(|v| *v += self.sigma * random.draw());
        }
    }
}
