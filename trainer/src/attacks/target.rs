//! A network under attack: its noise layers on, and noise on the pixels if it is smoothed; or the compiled one in its place.

use super::{Deployed, Target, Watch};
use crate::diagnose::Subject;
use crate::nets::{Draw, NetSpec, Network, Pass, Path};
use crate::random::{Normals, Stream, stream};
use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;
use std::ops::Range;

/// First draw of noise layers under attack, beyond all training steps.
const ATTACK: u64 = 1 << 62;

/// Images that go through the network at a time when there are several draws of each.
const TOGETHER: usize = 128;

/// A network, its noise layers on, under normal noise on the pixels: what a smoothed classifier draws.
#[derive(Debug, Clone, Copy)]
pub struct NetTarget<'a> {
    /// Not on an autodiff device.
    pub net: &'a Network,
    /// Its shape.
    pub spec: &'a NetSpec,
    /// How it is computed.
    pub path: Path,
    /// Seed of all noise.
    pub seed: u64,
    /// Deviation of the noise on the pixels, in units of their range; 0: none.
    pub sigma: f32,
    /// The compiled network, if that is what decides.
    pub deployed: Option<&'a Deployed>,
}

/// The target for a batch: the noise on an image belongs to the image and not to its place.
pub(super) struct OnBatch<'a> {
    pub(super) target: NetTarget<'a>,
    pub(super) ids: &'a [u32],
    pub(super) watch: &'a dyn Watch,
}

impl OnBatch<'_> {
    fn noise(&self, like: &Tensor<4>, draw: u64) -> Tensor<4> {
        let dims = like.dims();
        let each = dims[1] * dims[2] * dims[3];
        let mut values = vec![0.0; dims[0] * each];
        let NetTarget { seed, sigma, .. } = self.target;
        values.par_chunks_exact_mut(each).zip(self.ids).for_each(|(out, &index)| {
            let (epoch, copy) = ((draw >> 32) as u32, draw as u32);
            let mut random = Normals::new(stream(seed, Stream::Copy { epoch, index, copy }));
            out.iter_mut().for_each(|v| *v = sigma * random.draw());
        });
        Tensor::from_data(TensorData::new(values, dims), &like.device().inner())
    }

    /// Logits of all images at the first of `draws`, of all at the second, and so on.
    fn logits_of(&self, images: Tensor<4>, draws: &[u64]) -> Tensor<2> {
        self.watch.pass(draws.len() * images.dims()[0]);
        let NetTarget { net, spec, path, seed, sigma, deployed } = self.target;
        let noise = (sigma > 0.0).then(|| {
            let noise = draws.iter().map(|draw| self.noise(&images, *draw)).collect();
            Tensor::cat(noise, 0)
        });
        let images = images.repeat_dim(0, draws.len());
        let seen = match &noise {
            Some(noise) if images.is_autodiff() => images.clone() + noise.clone().autodiff(),
            Some(noise) => images.clone() + noise.clone(),
            None => images.clone(),
        };
        let draw = draws.first().map(|draw| Draw { seed, index: ATTACK + draw });
        let logits = net.forward(spec, seen, Pass { path, draw });
        match deployed {
            Some(deployed) => deployed.replace(&images, noise.as_ref(), logits),
            None => logits,
        }
    }
}

impl Target for OnBatch<'_> {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        self.logits_of(images, &[draw])
    }

    /// Draws of noise on the pixels go through the network side by side; noise within the network is one for a whole batch.
    fn draws(&self, images: Tensor<4>, draws: Range<u64>) -> Vec<Tensor<2>> {
        let n = images.dims()[0];
        let together = if self.target.spec.noise.is_none() { (TOGETHER / n.max(1)).max(1) } else { 1 };
        let all: Vec<u64> = draws.collect();
        let pass = |draws: &[u64]| {
            let logits = self.logits_of(images.clone(), draws);
            (0..draws.len()).map(move |k| logits.clone().narrow(0, k * n, n)).collect::<Vec<_>>()
        };
        all.chunks(together).flat_map(pass).collect()
    }

    fn is_random(&self) -> bool {
        self.target.sigma > 0.0 || !self.target.spec.noise.is_none()
    }
}

impl Subject for NetTarget<'_> {
    fn on<'s>(&'s self, ids: &'s [u32]) -> Box<dyn Target + 's> {
        Box::new(OnBatch { target: *self, ids, watch: &() })
    }

    fn silent<'s>(&'s self, ids: &'s [u32]) -> Option<Box<dyn Target + 's>> {
        let random = self.on(ids).is_random();
        random.then(|| Box::new(Silent(*self)) as Box<dyn Target>)
    }
}

/// The network alone, all noise off.
struct Silent<'a>(NetTarget<'a>);

impl Target for Silent<'_> {
    fn logits(&self, images: Tensor<4>, _: u64) -> Tensor<2> {
        self.0.net.forward(self.0.spec, images, Pass { path: self.0.path, draw: None })
    }
}
