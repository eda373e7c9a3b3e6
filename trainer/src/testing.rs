//! A tiny data set and a trained-looking network for tests.

use crate::random::Normals;
use burn::module::{ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
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

/// The same with every pixel four times: 3x16x16.
#[derive(Debug, Clone, Copy)]
pub struct Large;

impl Dataset for Large {
    fn name(&self) -> &str {
        "large-toy"
    }

    fn spec(&self) -> String {
        "large-toy".into()
    }

    fn shape(&self) -> Shape {
        Shape { channels: 3, height: 16, width: 16 }
    }

    fn classes(&self) -> &[String] {
        &CLASSES
    }

    fn len(&self) -> usize {
        Toy.len()
    }

    fn read(&self, index: usize, chw: &mut [u8]) -> Result<usize, DataError> {
        let mut small = vec![0; Toy.shape().bytes()];
        let label = Toy.read(index, &mut small)?;
        for (i, byte) in chw.iter_mut().enumerate() {
            let (plane, y, x) = (i / 256, i / 16 % 16, i % 16);
            *byte = small[(plane * 8 + y / 2) * 8 + x / 2];
        }
        Ok(label)
    }
}

/// Moves every statistic, scale, shift and bias off its initial value.
pub struct Perturb(pub Normals);

impl ModuleMapper for Perturb {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D > 1 {
            return param;
        }
        param.map(|t| {
            let values: Vec<f32> = (0..t.shape().num_elements()).map(|_| 0.2 * self.0.draw()).collect();
            let noise = Tensor::from_data(TensorData::new(values, t.shape()), &t.device());
            // Factors, so that variances stay above 0; sums, so that zeros move.
            (t * (noise.clone() * 0.5).exp()) + noise.abs()
        })
    }
}
