//! From a float graph to an integer model file.
//!
//! ```text
//! onnx::parse -> fold -> network (layers) -> calibrate (float model on noisy images) -> quantise -> arena -> write
//! ```
//!
//! [`fold`](mod@fold) removes what need not be computed, [`network`] decides what is fused, [`calibrate`] measures
//! ranges, [`quantise`] chooses scales and integers, [`arena`] places activations, [`write`] and [`pack`] make the
//! bytes.

pub mod arena;
pub mod calibrate;
mod error;
pub mod fold;
pub mod input;
pub mod inspect;
mod limits;
pub mod meta;
pub mod network;
mod options;
pub mod pack;
pub mod quantise;
pub mod range;
pub mod requant;
pub mod samples;
pub mod validate;
pub mod write;
#[cfg(test)]
mod tests;

pub use error::CompileError;
pub use options::{Options, TableSpec};

use ringfence_runtime::Model;
use ringfence_runtime::format::layout::Section;
use sha2::{Digest, Sha256};

use crate::certificate;
use crate::data::Dataset;
use crate::noise;
use crate::onnx::{self, Affine, FloatModel, Graph, Shape};
use arena::{Lifetime, Plan};
use calibrate::Calibration;
use meta::{CalibrationMeta, LayerMeta, LogitsMeta, Meta, TensorMeta};
use network::Network;
use quantise::Integer;
use samples::{NoiseBytes, NoiseSource, Sample};

/// Compiles an ONNX file to the bytes of an `.rfm` file, calibrated on `data`. `name` is for people.
pub fn compile(
    onnx: &[u8],
    name: &str,
    data: &dyn Dataset,
    options: &Options,
) -> Result<Vec<u8>, CompileError> {
    compile_observed(onnx, name, data, options, &|_, _| {})
}

/// [`compile`] with a callback that receives (float runs done, float runs in all) during calibration, from any thread.
pub fn compile_observed(
    onnx: &[u8],
    name: &str,
    data: &dyn Dataset,
    options: &Options,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<u8>, CompileError> {
    let graph = onnx::parse(onnx)?;
    let channels = limits::check_image(&graph, data)?;
    let (mean, std) = options.normalisation(channels)?;
    let folded = fold::fold(&graph, normalisation(&mean, &std))?;
    let network = network::lower(&folded.graph)?;
    limits::check(&network)?;
    let classes = limits::class_names(&network, data, options)?;
    let input = input::input_scale(&folded.input, options.sigma)?;
    let noise = noise::generate(options.sigma, data.shape().bytes())?;
    let tables = options.tables.iter().map(|spec| spec.table(options.sigma, noise.tv_budget));
    let tables = tables.collect::<Result<Vec<_>, _>>()?;

    let noise_bytes = NoiseBytes::new(&noise);
    let source = NoiseSource { table: noise_bytes.view(), seed: options.seed };
    let samples = samples::draw(data, options.images, Some(source))?;
    if samples.is_empty() {
        return Err(CompileError::Option { option: "--images", reason: "no image to calibrate on".into() });
    }
    let float = FloatModel::new(onnx, &graph, &calibrate::values(&network))?;
    let prepare = |sample: &Sample| sample.normalised(&mean, &std);
    let calibration = calibrate::calibrate(&float, &network, &folded.input, &samples, prepare, progress)?;
    let integer = quantise::quantise(&network, &input, &calibration)?;
    let plan = plan(&network);

    let (ops, weights) = write::ops(&network, &integer);
    let meta = Meta {
        schema: meta::SCHEMA.into(),
        compiler: concat!("ringfence ", env!("CARGO_PKG_VERSION")).into(),
        name: name.into(),
        calibration: CalibrationMeta {
            data: data.name().into(),
            images: samples.len(),
            seed: options.seed,
            sigma: options.sigma,
            mean,
            std,
        },
        ..describe(&network, &integer, &calibration)
    };
    let meta = serde_json::to_vec(&meta).map_err(|error| CompileError::Mismatch(error.to_string()))?;
    let sections = [
        (Section::Input, write::input(&network.tensors[0], &input)),
        (Section::Tensors, write::tensors(&network.tensors, &integer.scales, &plan)),
        (Section::Ops, ops),
        (Section::Weights, weights),
        (Section::Noise, noise.to_bytes()),
        (Section::Certificates, certificate::section(&tables)),
        (Section::Classes, write::classes(&classes)),
        (Section::Softmax, write::softmax(integer.logit_scale)),
        (Section::Meta, meta),
    ];
    let bytes = write::file(plan.bytes, Sha256::digest(onnx).into(), &sections);
    Model::parse(&bytes)?;
    Ok(bytes)
}

/// `(x - mean) / std` as a layer.
fn normalisation(mean: &[f64], std: &[f64]) -> Affine {
    Affine {
        mul: std.iter().map(|std| 1.0 / std).collect(),
        add: mean.iter().zip(std).map(|(mean, std)| -mean / std).collect(),
    }
}

/// Places the network's activations.
fn plan(network: &Network) -> Plan {
    let mut lifetimes: Vec<Lifetime> = network
        .tensors
        .iter()
        .map(|tensor| Lifetime { bytes: tensor.bytes(), first: 0, last: 0 })
        .collect();
    for (index, layer) in network.layers.iter().enumerate() {
        let step = index + 1;
        if let Some(output) = layer.output {
            (lifetimes[output].first, lifetimes[output].last) = (step, step);
        }
        layer.reads().for_each(|tensor| lifetimes[tensor].last = step);
    }
    arena::plan(&lifetimes)
}

/// The parts of META that describe the network.
fn describe(network: &Network, integer: &Integer, calibration: &Calibration) -> Meta {
    let seen = std::iter::once(range::Extremes::default())
        .chain(calibration.tensors.iter().map(|histogram| histogram.extremes()));
    let tensors = network.tensors.iter().zip(&integer.scales).zip(seen).map(|((tensor, scale), seen)| TensorMeta {
        value: tensor.value.clone(),
        scale: scale.scale,
        zero_point: scale.zero_point,
        min: seen.min,
        max: seen.max,
    });
    let layers = network
        .layers
        .iter()
        .map(|layer| LayerMeta { name: layer.name.clone(), absorbed: layer.absorbed.clone() });
    let (min, max) = (calibration.logits.min, calibration.logits.max);
    Meta {
        tensors: tensors.collect(),
        layers: layers.collect(),
        logits: LogitsMeta { value: network.logits.clone(), scale: integer.logit_scale, min, max },
        ..Meta::default()
    }
}

/// Channels, rows and columns of the graph's image.
fn image_shape(graph: &Graph) -> (usize, usize, usize) {
    match graph.nodes[0].shape {
        Shape::Map { channels, height, width } => (channels, height, width),
        Shape::Vector(features) => (features, 1, 1),
    }
}
