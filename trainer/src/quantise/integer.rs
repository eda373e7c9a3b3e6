//! The compiled network of the moment, run by the runtime on the CPU.

use super::levels::Levels;
use crate::error::Error;
use crate::nets::{NetSpec, Path};
use burn::tensor::{Device, Tensor, TensorData};
use rayon::prelude::*;
use ringfence::compile::meta::Meta;
use ringfence::compile::samples::Sample;
use ringfence::compile::validate::write_input;
use ringfence::compile::{Options, compile_quantised};
use ringfence_runtime::{Backend, Executor, Model, Tensor as Activation};

/// Deviation of the noise table, which is not used.
const SIGMA: f64 = 0.25;

/// A compiled model file.
#[derive(Debug, Clone)]
pub struct IntegerNet {
    bytes: Vec<u8>,
}

/// What the runtime computes for a batch.
#[derive(Debug, Clone)]
pub struct Outputs {
    /// Images.
    pub images: usize,
    /// Integer logits, one row per image.
    pub logits: Vec<i32>,
    /// Real value of one unit of a logit.
    pub logit_scale: f64,
    /// Activations, if asked for, in the order of the file.
    activations: Vec<Stored>,
}

/// An activation of all images: bytes without border, `[image, row, column, channel]`.
#[derive(Debug, Clone)]
struct Stored {
    levels: Levels,
    /// Rows, columns and channels.
    extents: [usize; 3],
    bytes: Vec<u8>,
}

impl IntegerNet {
    /// Compiles the file `onnx` of [`to_onnx`](super::to_onnx). Noise and certificates play no part here.
    ///
    /// # Errors
    /// What the compiler reports: a number that does not fit the integer model.
    pub fn new(onnx: &[u8]) -> Result<Self, Error> {
        let options = Options { tables: vec![], ..Options::new(SIGMA) };
        Ok(Self { bytes: compile_quantised(onnx, "", &options)? })
    }

    /// A model file.
    ///
    /// # Errors
    /// If it is none.
    pub fn from_model(bytes: Vec<u8>) -> Result<Self, Error> {
        Meta::of(&Model::parse(&bytes).map_err(failed)?)?;
        Ok(Self { bytes })
    }

    /// Channels, height and width of its images, and its classes.
    ///
    /// # Errors
    /// As [`from_model`](Self::from_model).
    pub fn shape(&self) -> Result<([usize; 3], usize), Error> {
        let model = Model::parse(&self.bytes).map_err(failed)?;
        let input = model.input();
        Ok(([input.channels, input.height, input.width], model.classes()))
    }

    /// Deviation of the noise that it was compiled for.
    ///
    /// # Errors
    /// As [`from_model`](Self::from_model).
    pub fn sigma(&self) -> Result<f64, Error> {
        Ok(f64::from_bits(Model::parse(&self.bytes).map_err(failed)?.noise().sigma_bits))
    }

    /// Runs images in `[0, 1]` plus noise, `[image, channel, row, column]`, rounded to whole steps of 1/255 as all
    /// that the runtime sees; with their activations if `keep`.
    ///
    /// # Errors
    /// None for files of [`to_onnx`](super::to_onnx) and images of their shape.
    pub fn run(&self, pixels: &[f32], spec: &NetSpec, keep: bool) -> Result<Outputs, Error> {
        let model = Model::parse(&self.bytes).map_err(failed)?;
        let meta = Meta::of(&model)?;
        let executor = Executor::new(&model, Backend::best()).ok_or_else(|| failed("no backend"))?;
        let values: usize = spec.input.iter().product();
        let runs: Vec<(Vec<i32>, Vec<Vec<u8>>)> = pixels
            .par_chunks_exact(values)
            .map(|image| one(&executor, image, keep))
            .collect::<Result<_, Error>>()?;
        let tensors = model.tensors().zip(&meta.tensors).enumerate().filter(|_| keep);
        let activations = tensors.map(|(index, (tensor, meta))| Stored {
            levels: Levels {
                name: meta.value.clone(),
                scale: meta.scale as f32,
                zero_point: meta.zero_point,
            },
            extents: [tensor.height, tensor.width, tensor.channels],
            bytes: runs.iter().flat_map(|(_, activations)| &activations[index]).copied().collect(),
        });
        Ok(Outputs {
            images: runs.len(),
            logits: runs.iter().flat_map(|(logits, _)| logits).copied().collect(),
            logit_scale: meta.logits.scale,
            activations: activations.collect(),
        })
    }
}

impl Outputs {
    /// The activation `name` in real numbers, in the layout of `path`: `[N, H, W, C]` if fused, else `[N, C, H, W]`.
    ///
    /// # Errors
    /// When the network has no such activation, or the run did not keep them.
    pub fn activation(&self, name: &str, path: Path, device: &Device) -> Result<Tensor<4>, Error> {
        let found = self.activations.iter().find(|stored| stored.levels.name == name);
        let stored = found.ok_or_else(|| failed(format!("there is no activation {name}")))?;
        let reals: [f32; 256] = core::array::from_fn(|level| stored.levels.real(level as u8));
        let values: Vec<f32> = stored.bytes.par_iter().map(|u| reals[usize::from(*u)]).collect();
        let [height, width, channels] = stored.extents;
        let shape = [self.images, height, width, channels];
        let tensor = Tensor::from_data(TensorData::new(values, shape), device);
        Ok(match path {
            Path::Fused => tensor,
            Path::Stock => tensor.permute([0, 3, 1, 2]),
        })
    }

    /// The logits in real numbers, `[N, classes]`.
    #[must_use]
    pub fn real_logits(&self, device: &Device) -> Tensor<2> {
        let values: Vec<f32> =
            self.logits.iter().map(|r| (f64::from(*r) * self.logit_scale) as f32).collect();
        let classes = values.len() / self.images.max(1);
        Tensor::from_data(TensorData::new(values, [self.images, classes]), device)
    }
}

/// Logits of one image, and its activations, if asked for.
fn one(executor: &Executor<'_, '_>, image: &[f32], keep: bool) -> Result<(Vec<i32>, Vec<Vec<u8>>), Error> {
    let model = executor.model();
    let noisy = image.iter().map(|x| (x * 255.0).round().clamp(-8192.0, 8191.0) as i16).collect();
    let mut arena = vec![0; model.arena_bytes(1)];
    write_input(executor, &mut arena, &Sample { label: 0, noisy })?;
    let mut logits = vec![0; model.classes()];
    let mut activations = vec![];
    if keep {
        let outputs: Vec<_> = model.ops().map(|op| op.output().map(|output| output.index)).collect();
        activations = vec![vec![]; model.tensors().count()];
        let input = model.input().operand.tensor;
        activations[0] = interior(&input, &arena[input.range()]);
        let observer = |op: usize, _: usize, view: ringfence_runtime::TensorView<'_>| {
            if let Some(tensor) = outputs[op] {
                activations[tensor] = interior(&view.tensor, view.bytes);
            }
        };
        executor.run(&mut arena, 1, &mut logits, observer).map_err(failed)?;
    } else {
        executor.run(&mut arena, 1, &mut logits, |_, _, _| {}).map_err(failed)?;
    }
    Ok((logits, activations))
}

/// A tensor without border and padding channels, `[row, column, channel]`.
fn interior(tensor: &Activation, bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(tensor.height * tensor.width * tensor.channels);
    for y in 0..tensor.height {
        let row = &bytes[tensor.index(y, 0, 0)..][..tensor.width * tensor.stored];
        row.chunks_exact(tensor.stored).for_each(|pixel| out.extend_from_slice(&pixel[..tensor.channels]));
    }
    out
}

fn failed(reason: impl std::fmt::Display) -> Error {
    Error::Integer(reason.to_string())
}
