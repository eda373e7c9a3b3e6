//! A tiny data set and a trained-looking network for tests.

use crate::nets::{ConvNorm, ResNet};
use crate::random::Normals;
use burn::module::{Param, RunningState};
use burn::tensor::{Device, Tensor, TensorData};
use ringfence::data::{DataError, Dataset, Shape};
use std::sync::LazyLock;

/// 24 images of 3x8x8 in three classes that differ in brightness.
#[derive(Debug, Clone, Copy)]
pub struct Toy;

static CLASSES: LazyLock<Vec<String>> =
    LazyLock::new(|| ["dark", "grey", "light"].map(String::from).to_vec());

impl Dataset for Toy {
    fn name(&self) -> &str {
        "toy"
    }

    fn spec(&self) -> String {
        "toy".into()
    }

    fn shape(&self) -> Shape {
        Shape { channels: 3, height: 8, width: 8 }
    }

    fn classes(&self) -> &[String] {
        &CLASSES
    }

    fn len(&self) -> usize {
        24
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let label = index % 3;
        for (i, byte) in chw.iter_mut().enumerate() {
            *byte = (label * 80 + (index * 31 + i * 17) % 70) as u8;
        }
        Ok(label)
    }
}

/// Moves every statistic and affine parameter of a network off its initial value.
pub fn perturb(net: &mut ResNet, random: &mut Normals) {
    perturb_layer(&mut net.stem, random);
    for block in &mut net.blocks {
        perturb_layer(&mut block.first, random);
        perturb_layer(&mut block.second, random);
        if let Some(layer) = &mut block.shortcut {
            perturb_layer(layer, random);
        }
    }
}

fn perturb_layer(layer: &mut ConvNorm, random: &mut Normals) {
    let [channels] = layer.norm.gamma.shape().dims();
    let mut values = |base: f32, spread: f32| {
        let v: Vec<f32> = (0..channels).map(|_| base + spread * random.draw()).collect();
        Tensor::<1>::from_data(TensorData::new(v, [channels]), &Device::flex())
    };
    layer.norm.gamma = Param::from_tensor(values(1.0, 0.2));
    layer.norm.beta = Param::from_tensor(values(0.0, 0.3));
    layer.norm.running_mean = RunningState::new(values(0.0, 0.3));
    layer.norm.running_var = RunningState::new(values(1.0, 0.1).abs());
}
