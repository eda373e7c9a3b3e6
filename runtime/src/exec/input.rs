//! Images into input tensors.

use crate::ops;
use crate::plan::Input;

/// Writes the noisy pixels of one sample into its input tensor.
#[derive(Debug)]
pub struct InputWriter<'m, 't> {
    pub(super) input: &'m Input,
    pub(super) bytes: &'t mut [u8],
}

impl InputWriter<'_, '_> {
    /// Quantises row `y` of a channel from noisy pixels (pixel plus noise, in 1/255, within ±2^13; values
    /// beyond are clamped). Pixels beyond the width, rows and channels beyond the image are ignored.
    pub fn row(&mut self, channel: usize, y: usize, noisy: &[i16]) {
        let (input, tensor) = (self.input, self.input.operand.tensor);
        if channel >= input.channels || y >= input.height {
            return;
        }
        let row = &mut self.bytes[tensor.index(y, 0, 0)..tensor.index(y, tensor.width, 0)];
        ops::quantise_row(noisy, input.rules[channel], tensor.top, row, tensor.stored, channel);
    }
}
