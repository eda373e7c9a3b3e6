//! Random crop, mirror image and Gaussian noise.

use crate::random::{Normals, Stream, below, stream};
use rand_xoshiro::Xoshiro256PlusPlus;
use ringfence::data::{Region, Shape};
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
    /// Writes where the object of an image is after [`apply`](Self::apply): row by row, 1 on the object and 0 elsewhere.
    pub fn locate(&self, shape: Shape, object: Region, [epoch, index]: [u32; 2], seed: u64, out: &mut [f32]) {
        let window = self.window(shape, &mut stream(seed, Stream::Sample { epoch, index }));
        for (y, out) in out.chunks_exact_mut(shape.width).enumerate() {
            for (x, out) in out.iter_mut().enumerate() {
                let shown = window.row(y).zip(window.column(x)).is_some_and(|(y, x)| object.contains(y, x));
                *out = f32::from(shown);
            }
        }
    }

    fn window(&self, shape: Shape, random: &mut Xoshiro256PlusPlus) -> Window {
        let range = 2 * self.crop as u32 + 1;
        let down = below(random, range) as usize;
        let right = below(random, range) as usize;
        let mirrored = below(random, 2) == 1 && self.flip;
        Window { shape, border: self.crop, down, right, mirrored }
    }

    /// Writes the augmented image, `[0, 1]` plus noise, for the stream of `(seed, epoch, index)`.
    ///
    /// The same triple gives the same values whatever batch the image is in. `image` holds bytes
    /// in channel, row, column order.
    pub fn apply(&self, shape: Shape, image: &[u8], [epoch, index]: [u32; 2], seed: u64, out: &mut [f32]) {
        let mut random = Normals::new(stream(seed, Stream::Sample { epoch, index }));
        let window = self.window(shape, random.source());
        let rows = shape.height;
        for (row, out) in out.chunks_exact_mut(shape.width).enumerate() {
            let (plane, y) = (row / rows, row % rows);
            let line = window.row(y).map(|y| &image[(plane * rows + y) * shape.width..][..shape.width]);
            for (x, out) in out.iter_mut().enumerate() {
                let pixel = line.zip(window.column(x)).map_or(0, |(line, x)| line[x]);
                *out = f32::from(pixel) / 255.0;
            }
        }
        if self.sigma > 0.0 {
            out.iter_mut().for_each(|v| *v += self.sigma * random.draw());
        }
    }
}

/// The part of an image, with its border, that is shown.
struct Window {
    shape: Shape,
    border: usize,
    /// Of the first row and column, from the border's.
    down: usize,
    right: usize,
    mirrored: bool,
}

impl Window {
    /// The image's row that row `y` shows; none in the border.
    fn row(&self, y: usize) -> Option<usize> {
        (y + self.down).checked_sub(self.border).filter(|&y| y < self.shape.height)
    }

    /// The image's column that column `x` shows; none in the border.
    fn column(&self, x: usize) -> Option<usize> {
        let x = if self.mirrored { self.shape.width - 1 - x } else { x };
        (x + self.right).checked_sub(self.border).filter(|&x| x < self.shape.width)
    }
}
