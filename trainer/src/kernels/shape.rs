//! The geometry of a square convolution.

/// Kernel side, stride and zero padding (the same on all four sides) of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Kernel height and width, in pixels, at least 1.
    pub side: usize,
    /// Step between windows in both directions, at least 1.
    pub stride: usize,
    /// Zero pixels around the image, less than `side`.
    pub pad: usize,
}

/// A batch of NHWC images and the convolution applied to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvShape {
    /// Images in the batch.
    pub batch: usize,
    /// Input height in pixels.
    pub height: usize,
    /// Input width in pixels.
    pub width: usize,
    /// Input channels.
    pub c_in: usize,
    /// Output channels.
    pub c_out: usize,
    /// The window.
    pub window: Window,
}

impl ConvShape {
    /// Output height in pixels.
    #[must_use]
    pub fn out_height(&self) -> usize {
        (self.height + 2 * self.window.pad - self.window.side) / self.window.stride + 1
    }

    /// Output width in pixels.
    #[must_use]
    pub fn out_width(&self) -> usize {
        (self.width + 2 * self.window.pad - self.window.side) / self.window.stride + 1
    }

    /// Values of one input image.
    #[must_use]
    pub fn in_len(&self) -> usize {
        self.height * self.width * self.c_in
    }

    /// Values of one output image.
    #[must_use]
    pub fn out_len(&self) -> usize {
        self.out_height() * self.out_width() * self.c_out
    }

    /// Values of the weights, `[c_out, c_in, side, side]`.
    #[must_use]
    pub fn weight_len(&self) -> usize {
        self.c_out * self.c_in * self.window.side * self.window.side
    }
}
