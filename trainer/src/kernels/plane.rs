//! Copies of one image with the border, dilation and channel padding the tiles need.

/// Where an image's pixels go in its plane; everything else in the plane stays zero.
#[derive(Debug, Clone, Copy)]
pub struct Plane {
    /// Rows of the plane.
    pub rows: usize,
    /// Columns of the plane.
    pub cols: usize,
    /// Channels of the plane, at least the image's.
    pub channels: usize,
    /// Row and column of the first pixel.
    pub origin: usize,
    /// Distance between neighbouring pixels (1: dense).
    pub dilation: usize,
}

impl Plane {
    /// A plane of zeros.
    #[must_use]
    pub fn zeros(&self) -> Vec<f32> {
        vec![0.0; self.rows * self.cols * self.channels]
    }

    /// Writes the `[_, width, channels]` image into a plane that holds zeros or an earlier image.
    pub fn fill(&self, image: &[f32], width: usize, channels: usize, plane: &mut [f32]) {
        for (y, row) in image.chunks_exact(width * channels).enumerate() {
            let at = ((self.origin + y * self.dilation) * self.cols + self.origin) * self.channels;
            if self.dilation == 1 && channels == self.channels {
                plane[at..at + row.len()].copy_from_slice(row);
                continue;
            }
            let step = self.dilation * self.channels;
            for (x, pixel) in row.chunks_exact(channels).enumerate() {
                plane[at + x * step..][..channels].copy_from_slice(pixel);
            }
        }
    }
}
