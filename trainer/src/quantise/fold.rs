//! A residual network with its batch norms folded into the convolutions.

use crate::error::Error;
use crate::export::floats;
use crate::nets::{ConvNorm, Network, ResNet};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

/// A convolution with bias, "same" padding.
#[derive(Module, Debug)]
pub struct Layer {
    /// Weights `[out, in, side, side]`.
    pub weight: Param<Tensor<4>>,
    /// One per output.
    pub bias: Param<Tensor<1>>,
    /// Step in both directions.
    pub stride: usize,
}

impl Layer {
    fn new(weight: Vec<f32>, shape: [usize; 4], bias: Vec<f32>, stride: usize, device: &Device) -> Self {
        let outputs = shape[0];
        Self {
            weight: Param::from_tensor(Tensor::from_data(TensorData::new(weight, shape), device)),
            bias: Param::from_tensor(Tensor::from_data(TensorData::new(bias, [outputs]), device)),
            stride,
        }
    }

    /// `gamma (w x - mean) / sqrt(variance + epsilon) + beta` as one convolution, by the running statistics.
    fn folded(layer: &ConvNorm, device: &Device) -> Result<Self, Error> {
        let norm = &layer.norm;
        let shape: [usize; 4] = layer.conv.weight.shape().dims();
        let mut weight = floats(layer.conv.weight.val())?;
        let [gamma, mut bias] = [floats(norm.gamma.val())?, floats(norm.beta.val())?];
        let [mean, variance] =
            [floats(norm.running_mean.value_sync())?, floats(norm.running_var.value_sync())?];
        for (out, kernel) in weight.chunks_exact_mut(shape[1] * shape[2] * shape[3]).enumerate() {
            let factor = f64::from(gamma[out]) / (f64::from(variance[out]) + norm.epsilon).sqrt();
            kernel.iter_mut().for_each(|w| *w = (f64::from(*w) * factor) as f32);
            bias[out] = (f64::from(bias[out]) - f64::from(mean[out]) * factor) as f32;
        }
        Ok(Self::new(weight, shape, bias, layer.conv.stride[0], device))
    }
}

/// Two convolutions and a shortcut: identity, or a convolution.
#[derive(Module, Debug)]
pub struct Block {
    /// First convolution, which carries the stride.
    pub first: Layer,
    /// Second convolution.
    pub second: Layer,
    /// The projection, where the shortcut is not the identity.
    pub shortcut: Option<Layer>,
}

/// The folded network.
#[derive(Module, Debug)]
pub struct Folded {
    /// First convolution.
    pub stem: Layer,
    /// Residual blocks of all stages.
    pub blocks: Vec<Block>,
    /// Classifier, a convolution of one pixel.
    pub head: Layer,
}

/// A layer and the names of the activations around it.
#[derive(Debug)]
pub struct Site<'a> {
    /// Name of the layer: `stem`, `block0.first`, `block0.second`, `block0.shortcut`, .., `head`.
    pub name: String,
    /// The layer.
    pub layer: &'a Layer,
    /// What it reads.
    pub input: String,
    /// What it makes, after residual and ReLU; none for the logits.
    pub output: Option<String>,
}

impl Folded {
    /// All layers in the order of the float network.
    #[must_use]
    pub fn sites(&self) -> Vec<Site<'_>> {
        let site = |name: &str, layer, input: &str, output: &str| Site {
            name: name.into(),
            layer,
            input: input.into(),
            output: Some(output.into()),
        };
        let mut sites = vec![site("stem", &self.stem, "input", "stem")];
        let mut x = "stem".to_owned();
        for (i, block) in self.blocks.iter().enumerate() {
            let [out, first, second, shortcut] =
                ["", ".first", ".second", ".shortcut"].map(|part| format!("block{i}{part}"));
            sites.push(site(&first, &block.first, &x, &first));
            // The compiler fuses the sum with the last convolution before it.
            match &block.shortcut {
                None => sites.push(site(&second, &block.second, &first, &out)),
                Some(layer) => {
                    sites.push(site(&second, &block.second, &first, &second));
                    sites.push(site(&shortcut, layer, &x, &out));
                }
            }
            x = out;
        }
        sites.push(Site { name: "head".into(), layer: &self.head, input: "pool".into(), output: None });
        sites
    }

    /// Trained numbers.
    #[must_use]
    pub fn parameters(&self) -> usize {
        let of = |layer: &Layer| layer.weight.shape().num_elements() + layer.bias.shape().num_elements();
        self.sites().iter().map(|site| of(site.layer)).sum()
    }
}

/// Folds the batch norms of `net`, which is not on an autodiff device; the result is on `device`.
///
/// # Errors
/// When the network is of another family than the residual ones, or a weight is not of type f32.
pub fn fold(net: &Network, device: &Device) -> Result<Folded, Error> {
    match net {
        Network::ResNet(net) => residual(net, device),
        Network::PreAct(_) | Network::Cnn(_) => {
            let reason = "quantise: expected a network of the family resnet8 to resnet110";
            Err(Error::Settings(reason.into()))
        }
    }
}

fn residual(net: &ResNet, device: &Device) -> Result<Folded, Error> {
    let blocks = net.blocks.iter().map(|block| {
        Ok(Block {
            first: Layer::folded(&block.first, device)?,
            second: Layer::folded(&block.second, device)?,
            shortcut: block.shortcut.as_ref().map(|layer| Layer::folded(layer, device)).transpose()?,
        })
    });
    let [inputs, classes] = net.head.weight.shape().dims();
    let weight = floats(net.head.weight.val().transpose())?;
    let bias = net.head.bias.as_ref().map_or_else(|| Ok(vec![0.0; classes]), |bias| floats(bias.val()))?;
    Ok(Folded {
        stem: Layer::folded(&net.stem, device)?,
        blocks: blocks.collect::<Result<_, Error>>()?,
        head: Layer::new(weight, [classes, inputs, 1, 1], bias, 1, device),
    })
}
