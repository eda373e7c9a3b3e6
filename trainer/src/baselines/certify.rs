//! Votes under any of the noises, and what they prove.

use super::{Generalised, Neighbours, Varying};
use crate::adaptive::one_step;
use crate::data::Images;
use crate::error::Error;
use crate::nets::{NetSpec, Network, Pass, Path};
use crate::random::{Normals, Stream, stream};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use ringfence::certificate::lower_bound;

/// Noisy copies that go through the network at a time.
const TOGETHER: usize = 128;

/// The noise, and with it the certificate.
#[derive(Debug, Clone)]
pub enum Smoothing {
    /// Normal noise (Cohen et al. 2019, arXiv:1902.02918).
    Normal {
        /// Its deviation.
        sigma: f64,
    },
    /// Generalised normal noise.
    Generalised(Generalised),
    /// Normal noise whose deviation depends on the image.
    Varying {
        /// How.
        neighbours: Neighbours,
        /// Slope of the deviation's logarithm.
        rate: f64,
    },
}

/// What a certificate costs and how sure it is.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Votes that choose the class.
    pub n0: u32,
    /// Votes that count.
    pub n: u32,
    /// Largest probability of a wrong statement.
    pub alpha: f64,
    /// Seed of the noise.
    pub seed: u64,
}

/// The smoothed classifier's statement about an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statement {
    /// The class, if one was proved to be the most likely.
    pub class: Option<usize>,
    /// L-infinity radius, the pixel range being 1.
    pub radius: f64,
}

/// A network that is smoothed, not on an autodiff device and without a mask network.
#[derive(Debug, Clone, Copy)]
pub struct Smoothed<'a> {
    /// Weights of the pixels, `[1, 1, height, width]`, the same for every image (the baseline of Lyu et al. 2024); for normal
    /// noise. A shift of all values by r moves the masked image by r sqrt(values) times their root mean square, which the
    /// noise's deviation has as a factor, too: radii are those without weights.
    pub plane: Option<&'a Tensor<4>>,
    /// The network.
    pub net: &'a Network,
    /// Its shape.
    pub spec: &'a NetSpec,
    /// How it is computed.
    pub path: Path,
    /// Where.
    pub device: &'a Device,
}

impl Smoothing {
    /// A value of the noise on an image of deviation `sigma`.
    fn draw(&self, sigma: f64, random: &mut Normals) -> f32 {
        match self {
            Self::Generalised(noise) => noise.draw(random),
            Self::Normal { .. } | Self::Varying { .. } => sigma as f32 * random.draw(),
        }
    }

    /// Deviation at an image.
    fn sigma(&self, image: &[u8]) -> f64 {
        match self {
            Self::Normal { sigma } => *sigma,
            Self::Generalised(noise) => noise.scale,
            Self::Varying { neighbours, .. } => neighbours.sigma(image),
        }
    }

    /// L-infinity radius of a class of probability `p` at an image of `values` values.
    fn radius(&self, p: f64, sigma: f64, values: usize) -> Option<f64> {
        let of_l2 = |rate| Varying { sigma, rate, values }.radius(p) / (values as f64).sqrt();
        match self {
            Self::Normal { .. } => Some(of_l2(0.0)),
            Self::Varying { rate, .. } => Some(of_l2(*rate)),
            Self::Generalised(noise) => noise.radius(p, values),
        }
    }
}

impl Smoothed<'_> {
    /// Certifies image `index` of `images` (Cohen et al. 2019, algorithm of section 3.2.2).
    ///
    /// # Errors
    /// Votes or alpha out of range; a noise that images of this size are too small for.
    pub fn certify(
        &self,
        smoothing: &Smoothing,
        images: &Images,
        index: u32,
        effort: Effort,
    ) -> Result<Statement, Error> {
        let refuse = |e: ringfence::certificate::CertificateError| Error::Settings(e.to_string());
        let bytes = images.bytes(index);
        let sigma = smoothing.sigma(bytes);
        let draw = |random: &mut Normals| smoothing.draw(sigma, random);
        let chosen = self.votes(bytes, index, 0..effort.n0, effort.seed, &draw);
        let class = (0..chosen.len()).rev().max_by_key(|class| chosen[*class]).unwrap_or_default();
        let counts = self.votes(bytes, index, effort.n0..effort.n0 + effort.n, effort.seed, &draw);
        let p = lower_bound(counts[class], effort.n, effort.alpha).map_err(refuse)?;
        if p <= 0.5 {
            return Ok(Statement { class: None, radius: 0.0 });
        }
        let values = bytes.len();
        let radius = smoothing.radius(p, sigma, values).ok_or_else(|| {
            Error::Settings(format!("{values} values: too few for a certificate of this noise"))
        })?;
        Ok(Statement { class: Some(class), radius })
    }

    /// Votes of copies `copies`.
    fn votes(
        &self,
        image: &[u8],
        index: u32,
        copies: std::ops::Range<u32>,
        seed: u64,
        draw: &(dyn Fn(&mut Normals) -> f32 + Sync),
    ) -> Vec<u32> {
        let mut counts = vec![0; self.spec.classes.len()];
        let copies: Vec<u32> = copies.collect();
        let [c, h, w] = self.spec.input;
        let values: Vec<f32> = image.iter().map(|p| f32::from(*p) / 255.0).collect();
        let clean = Tensor::<4>::from_data(TensorData::new(values, [1, c, h, w]), self.device);
        for some in copies.chunks(TOGETHER) {
            let mut noise = vec![0.0; some.len() * image.len()];
            noise.par_chunks_exact_mut(image.len()).zip(some).for_each(|(out, &copy)| {
                let mut random = Normals::new(stream(seed, Stream::Copy { epoch: 0, index, copy }));
                out.iter_mut().for_each(|v| *v = draw(&mut random));
            });
            let noise = Tensor::from_data(TensorData::new(noise, [some.len(), c, h, w]), self.device);
            let shown = match self.plane {
                None => clean.clone() + noise,
                Some(plane) => one_step(clean.clone(), noise, plane.clone()).shown,
            };
            let classes = self.net.forward(self.spec, shown, Pass::quiet(self.path)).argmax(1).into_data();
            classes.iter::<i64>().for_each(|class| counts[class as usize] += 1);
        }
        counts
    }
}
