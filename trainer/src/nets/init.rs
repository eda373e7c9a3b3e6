//! Initial weights from a seed of their own, the same on every device.

use crate::random::{Normals, Stream, stream};
use burn::tensor::{Device, Tensor, TensorData};
use rand_core::Rng;

/// Draws initial weights in the order layers ask for them.
#[derive(Debug)]
pub struct Init {
    device: Device,
    /// None: zeros, for weights that are loaded next.
    random: Option<Normals>,
}

impl Init {
    /// Weights on `device` from `seed`.
    #[must_use]
    pub fn new(device: &Device, seed: u64) -> Self {
        Self { device: device.clone(), random: Some(Normals::new(stream(seed, Stream::Weights))) }
    }

    /// Weights of zero on `device`.
    #[must_use]
    pub fn blank(device: &Device) -> Self {
        Self { device: device.clone(), random: None }
    }

    /// The device weights are made on.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Normal with variance `2 / fan_in` (He et al. 2015), shape `[out, in, side, side]`.
    pub fn he_normal(&mut self, shape: [usize; 4]) -> Tensor<4> {
        let Some(random) = &mut self.random else { return Tensor::zeros(shape, &self.device) };
        let scale = (2.0 / (shape[1] * shape[2] * shape[3]) as f32).sqrt();
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| scale * random.draw()).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }

    /// Uniform in `[-1/sqrt(in), 1/sqrt(in)]`, shape `[in, out]`.
    pub fn linear(&mut self, shape: [usize; 2]) -> Tensor<2> {
        let Some(random) = &mut self.random else { return Tensor::zeros(shape, &self.device) };
        let bound = 1.0 / (shape[0] as f32).sqrt();
        let rng = random.source();
        let uniform = |rng: &mut dyn Rng| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
        let values: Vec<f32> = (0..shape[0] * shape[1]).map(|_| bound * uniform(rng)).collect();
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}
