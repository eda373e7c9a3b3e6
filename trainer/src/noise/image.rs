//! Noise on the image, before its normalisation.

use super::layer::{IMAGE, PIXELS};
use super::{Draw, NoiseSpec, Pni};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// Noise on pixels in `[0, 1]`, not clipped afterwards: fixed (`input:SIGMA`), learned (`pni-input`) or both.
#[derive(Module, Debug)]
pub struct ImageNoise {
    /// The learned noise.
    pub learned: Option<Pni>,
}

impl ImageNoise {
    /// What `noise` asks for.
    #[must_use]
    pub fn new(noise: &NoiseSpec, device: &Device) -> Self {
        Self { learned: noise.image.then(|| Pni::new([1; 4], IMAGE, device)) }
    }

    /// Images `[batch, channels, height, width]` with their noise; none without a draw.
    #[must_use]
    pub fn perturb(&self, noise: &NoiseSpec, images: Tensor<4>, draw: Option<Draw>) -> Tensor<4> {
        let Some(draw) = draw else { return images };
        let images = match noise.pixels {
            Some(sigma) => {
                let eta = draw.normal(PIXELS, images.dims(), &images.device());
                images + eta.mul_scalar(sigma)
            }
            None => images,
        };
        match &self.learned {
            Some(pni) => pni.perturb(images, draw),
            None => images,
        }
    }
}
