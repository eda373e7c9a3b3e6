//! The values of all noise sources in one forward pass.

use crate::random::{Normals, Stream, stream};
use burn::tensor::{Device, Tensor, TensorData};

/// One set of values of all noise sources: the same key gives the same values, on every device.
///
/// Each source has a stream of its own and fills its tensor in row-major NCHW order. Noise on weights is so
/// shared by the batch. Noise on an image or an activation is drawn image after image, so that image `i` of a
/// batch gets values that depend on `i` but not on how many images follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Seed of the run.
    pub seed: u64,
    /// The forward pass within it.
    pub index: u64,
}

impl Draw {
    /// Standard normal values of noise source `layer`, in row-major order.
    #[must_use]
    pub fn normal<const D: usize>(self, layer: u32, shape: [usize; D], device: &Device) -> Tensor<D> {
        let mut random = Normals::new(stream(self.seed, Stream::Layer { draw: self.index, layer }));
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| random.draw()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}
