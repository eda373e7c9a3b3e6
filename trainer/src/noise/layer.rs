//! The noise of one convolution or linear layer.

use super::{Cni, Draw, Grain, NoiseSpec, Pni, WeightNoise};
use burn::module::Module;
use burn::tensor::{Device, Tensor};

/// Source of the fixed noise on pixels.
pub(super) const PIXELS: u32 = 0;
/// Source of the learned noise on pixels.
pub(super) const IMAGE: u32 = 1;
/// First source of the layers.
const LAYERS: u32 = 2;

/// Makes the noise of layers and numbers its sources, in the order the layers are built.
#[derive(Debug)]
pub struct Sites {
    noise: NoiseSpec,
    device: Device,
    next: u32,
}

impl Sites {
    /// Noise as `noise` asks for, its parameters on `device`.
    #[must_use]
    pub fn new(noise: &NoiseSpec, device: &Device) -> Self {
        Self { noise: noise.clone(), device: device.clone(), next: LAYERS }
    }

    /// Noise of a convolution: weights `[out, in, side, side]`, images `[channels, height, width]` in and out.
    pub fn convolution(&mut self, weight: [usize; 4], input: [usize; 3], output: [usize; 3]) -> LayerNoise {
        let (independent, coloured) = match self.noise.weights {
            Some(WeightNoise::Pni(grain)) => (Some(self.weights(grain, weight, 0)), None),
            Some(WeightNoise::Cni) => {
                let source = self.take(2);
                (None, Some(Cni::new(weight.iter().product(), source, &self.device)))
            }
            None => (None, None),
        };
        LayerNoise {
            weight: independent,
            coloured,
            input: self.noise.inputs.map(|grain| self.activations(grain, input)),
            output: self.noise.outputs.map(|grain| self.activations(grain, output)),
        }
    }

    /// Noise of a linear layer, weights `[in, out]`. Coloured noise there is PNI by element, as the authors do.
    pub fn linear(&mut self, [inputs, outputs]: [usize; 2]) -> LayerNoise {
        let weight = [inputs, outputs, 1, 1];
        let grain = match self.noise.weights {
            Some(WeightNoise::Pni(grain)) => Some(grain),
            Some(WeightNoise::Cni) => Some(Grain::Element),
            None => None,
        };
        LayerNoise {
            weight: grain.map(|grain| self.weights(grain, weight, 1)),
            coloured: None,
            input: self.noise.inputs.map(|grain| self.activations(grain, [inputs, 1, 1])),
            output: self.noise.outputs.map(|grain| self.activations(grain, [outputs, 1, 1])),
        }
    }

    fn take(&mut self, count: u32) -> u32 {
        self.next += count;
        self.next - count
    }

    /// Noise on weights whose output channels are along `axis`.
    fn weights(&mut self, grain: Grain, shape: [usize; 4], axis: usize) -> Pni {
        let alpha = match grain {
            Grain::Layer => [1; 4],
            Grain::Channel => std::array::from_fn(|i| if i == axis { shape[i] } else { 1 }),
            Grain::Element => shape,
        };
        Pni::new(alpha, self.take(1), &self.device)
    }

    fn activations(&mut self, grain: Grain, [channels, height, width]: [usize; 3]) -> Pni {
        let alpha = match grain {
            Grain::Layer => [1; 4],
            Grain::Channel => [1, channels, 1, 1],
            Grain::Element => [1, channels, height, width],
        };
        Pni::new(alpha, self.take(1), &self.device)
    }
}

/// Noise on the weights, the input and the output of a layer, each where a network has it.
#[derive(Module, Debug)]
pub struct LayerNoise {
    /// PNI on the weights.
    pub weight: Option<Pni>,
    /// CNI on the weights.
    pub coloured: Option<Cni>,
    /// PNI on the input.
    pub input: Option<Pni>,
    /// PNI on the output, before normalisation and activation.
    pub output: Option<Pni>,
}

impl LayerNoise {
    /// Weights with their noise: `[out, in, side, side]`, or `[in, out, 1, 1]` of a linear layer.
    #[must_use]
    pub fn on_weight(&self, weight: Tensor<4>, draw: Option<Draw>) -> Tensor<4> {
        let weight = on(self.weight.as_ref(), weight, draw);
        match (&self.coloured, draw) {
            (Some(cni), Some(draw)) => cni.perturb(weight, draw),
            _ => weight,
        }
    }

    /// Input images `[batch, channels, height, width]` with their noise.
    #[must_use]
    pub fn on_input(&self, x: Tensor<4>, draw: Option<Draw>) -> Tensor<4> {
        on(self.input.as_ref(), x, draw)
    }

    /// Output images `[batch, channels, height, width]` with their noise.
    #[must_use]
    pub fn on_output(&self, y: Tensor<4>, draw: Option<Draw>) -> Tensor<4> {
        on(self.output.as_ref(), y, draw)
    }
}

fn on(noise: Option<&Pni>, tensor: Tensor<4>, draw: Option<Draw>) -> Tensor<4> {
    match (noise, draw) {
        (Some(pni), Some(draw)) => pni.perturb(tensor, draw),
        _ => tensor,
    }
}
