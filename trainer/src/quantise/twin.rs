//! The network in floats, for gradients: the same layers with rounded weights and clipped activations.
//!
//! The value of each activation is the runtime's, its gradient that of the float operation before it: straight through
//! rounding, zero where the activation was clipped (Jacob et al., *Quantization and Training of Neural Networks for
//! Efficient Integer-Arithmetic-Only Inference*, 2018, section 3; Bengio et al., *Estimating or Propagating Gradients
//! Through Stochastic Neurons*, 2013).

use super::fold::{Folded, Layer};
use super::integer::Outputs;
use super::levels::{Levels, find};
use super::round::Rounded;
use crate::error::Error;
use crate::kernels::block::Tail;
use crate::kernels::burn_ops::{BlockOps, BlockSpec};
use crate::kernels::shape::Window;
use crate::nets::Path;
use burn::backend::Dispatch;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData};

/// Logits `[N, classes]` of a batch that the runtime computed with its activations kept: exactly the runtime's, with
/// gradients that reach the weights and biases of `net`, which is on an autodiff device.
///
/// `layers` are the rounded layers of `net` that the runtime ran.
///
/// # Errors
/// When layers, levels or activations are of another network.
pub fn forward(
    net: &Folded,
    layers: &[Rounded],
    levels: &[Levels],
    outputs: &Outputs,
    path: Path,
) -> Result<Tensor<2>, Error> {
    let twin = Twin { layers, levels, outputs, path, device: net.stem.weight.val().device() };
    let mut x = outputs.activation("input", path, &twin.device)?;
    x = twin.conv("stem", &net.stem, x, None, Some("stem"))?;
    for (i, block) in net.blocks.iter().enumerate() {
        let [out, first, second, shortcut] =
            ["", ".first", ".second", ".shortcut"].map(|part| format!("block{i}{part}"));
        let h = twin.conv(&first, &block.first, x.clone(), None, Some(&first))?;
        x = match &block.shortcut {
            None => twin.conv(&second, &block.second, h, Some(x), Some(&out))?,
            Some(layer) => {
                let h = twin.conv(&second, &block.second, h, None, Some(&second))?;
                twin.conv(&shortcut, layer, x, Some(h), Some(&out))?
            }
        };
    }
    let (rows, columns) = match path {
        Path::Fused => (1, 2),
        Path::Stock => (2, 3),
    };
    let pooled = twin.levelled("pool", x.mean_dim(rows).mean_dim(columns))?;
    let logits = twin.conv("head", &net.head, pooled, None, None)?;
    let real = outputs.real_logits(&twin.device);
    let logits = logits.reshape(real.dims());
    Ok(through(logits, real))
}

/// `value` with the gradient of `float`: the difference that is added is exactly zero.
pub(super) fn through<const D: usize>(float: Tensor<D>, value: Tensor<D>) -> Tensor<D> {
    value + (float.clone() - float.detach())
}

struct Twin<'a> {
    layers: &'a [Rounded],
    levels: &'a [Levels],
    outputs: &'a Outputs,
    path: Path,
    device: Device,
}

impl Twin<'_> {
    /// `layer` by its rounded weights, plus a residual, at the levels of `output` if there are any.
    fn conv(
        &self,
        name: &str,
        layer: &Layer,
        x: Tensor<4>,
        residual: Option<Tensor<4>>,
        output: Option<&str>,
    ) -> Result<Tensor<4>, Error> {
        let rounded = self.layers.iter().find(|rounded| rounded.name == name);
        let rounded = rounded.ok_or_else(|| Error::Integer(format!("no layer is called {name}")))?;
        let weight = Tensor::from_data(TensorData::new(rounded.real_weight(), rounded.dims), &self.device);
        let bias = rounded.real_bias();
        let bias = Tensor::from_data(TensorData::new(bias, [rounded.dims[0]]), &self.device);
        let weight = through(layer.weight.val(), weight);
        let bias = through(layer.bias.val(), bias);
        let side = rounded.dims[2];
        let y = match self.path {
            Path::Fused => fused(x, weight, bias, Window { side, stride: rounded.stride, pad: side / 2 }),
            Path::Stock => {
                conv2d(x, weight, Some(bias), ConvOptions::new([rounded.stride; 2], [side / 2; 2], [1; 2], 1))
            }
        };
        let y = if let Some(residual) = residual { y + residual } else { y };
        match output {
            Some(output) => self.levelled(output, y),
            None => Ok(y),
        }
    }

    /// The runtime's value of activation `name`, with the gradient of `float` where that is within the levels. Levels
    /// after a ReLU start at zero, so that this is its gradient too.
    fn levelled(&self, name: &str, float: Tensor<4>) -> Result<Tensor<4>, Error> {
        let (lo, hi) = find(self.levels, name)?.range();
        let value = self.outputs.activation(name, self.path, &self.device)?;
        Ok(through(float.clamp(lo, hi), value))
    }
}

/// The fused CPU kernel, with a normalisation that does nothing but add the bias.
fn fused(x: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, window: Window) -> Tensor<4> {
    let (device, outputs) = (x.device(), bias.dims());
    let [zeros, ones] = [Tensor::<1>::zeros(outputs, &device), Tensor::<1>::ones(outputs, &device)];
    let spec = BlockSpec { window, tail: Tail { epsilon: 0.0, relu: false, batch_statistics: false } };
    let (out, _, _) = <Dispatch as BlockOps>::conv_norm(
        x.into_dispatch(),
        weight.into_dispatch(),
        ones.clone().into_dispatch(),
        bias.into_dispatch(),
        zeros.into_dispatch(),
        ones.into_dispatch(),
        spec,
    );
    Tensor::from_dispatch(out)
}
