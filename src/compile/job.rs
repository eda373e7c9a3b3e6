//! One compilation: everything that is known before calibration, and the file made after it.

use ringfence_runtime::Model;
use ringfence_runtime::format::layout::Section;
use sha2::{Digest, Sha256};

use super::calibrate::{self, Calibration};
use super::error::CompileError;
use super::input::{self, InputScale};
use super::meta::{self, CalibrationMeta, Meta};
use super::network::Network;
use super::options::{ActivationBits, Options};
use super::quantise::Integer;
use super::samples::{self, NoiseBytes, NoiseSource, Sample};
use super::scale::Scale;
use super::{arena, fold, limits, lower, write};
use crate::certificate::{self, Smoothing, Table};
use crate::data::Dataset;
use crate::noise::{self, NoiseTable};
use crate::onnx::{self, Affine, FloatModel, Graph};

/// What is known before calibration.
pub struct Job<'d> {
    onnx: &'d [u8],
    /// Images to calibrate on, if the network needs it.
    data: Option<&'d dyn Dataset>,
    options: &'d Options,
    graph: Graph,
    /// Layers of the integer model.
    pub network: Network,
    /// Rule of the image.
    pub input: InputScale,
    /// Normalisation of the image: by options, then by the model itself.
    normalisation: Affine,
    /// Of that, what the options ask for.
    mean: Vec<f64>,
    std: Vec<f64>,
    classes: Vec<String>,
    noise: NoiseTable,
    tables: Vec<Table>,
}

impl<'d> Job<'d> {
    /// Reads and checks everything.
    pub fn new(
        onnx: &'d [u8],
        data: Option<&'d dyn Dataset>,
        options: &'d Options,
    ) -> Result<Self, CompileError> {
        let graph = onnx::parse(onnx)?;
        let channels = limits::check_image(&graph, data)?;
        let (mean, std) = options.normalisation(channels)?;
        let folded = fold::fold(&graph, normalisation(&mean, &std))?;
        let network = lower::lower(&folded.graph)?;
        limits::check(&network)?;
        let classes = limits::class_names(&network, data, options)?;
        let scale = image_scale(&network, &folded.input, options)?;
        let input = input::input_scale(&folded.input, scale)?;
        let noise = noise::generate(options.sigma, graph.nodes[0].shape.len())?;
        let smoothing = Smoothing::l2(options.sigma, noise.tv_budget);
        let tables = options.tables.iter().map(|spec| spec.table(smoothing));
        let tables = tables.collect::<Result<_, _>>()?;
        let normalisation = folded.input;
        Ok(Self {
            onnx,
            data,
            options,
            graph,
            network,
            input,
            normalisation,
            mean,
            std,
            classes,
            noise,
            tables,
        })
    }

    /// Runs the float model on noisy images. None if the file gives all levels, or there are no images: quantising
    /// then tells what is missing.
    pub fn calibrate(
        &self,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Option<Calibration>, CompileError> {
        let Some(data) = self.data.filter(|_| !self.network.is_fully_quantised()) else { return Ok(None) };
        let noise = NoiseBytes::new(&self.noise);
        let source = NoiseSource { table: noise.view(), seed: self.options.seed };
        let samples = samples::draw(data, self.options.images, Some(source))?;
        if samples.is_empty() {
            let reason = "no image to calibrate on".into();
            return Err(CompileError::Option { option: "--images", reason });
        }
        let float = FloatModel::new(self.onnx, &self.graph, &calibrate::values(&self.network))?;
        let prepare = |sample: &Sample| sample.normalised(&self.mean, &self.std);
        let (network, normalisation) = (&self.network, &self.normalisation);
        Ok(Some(calibrate::calibrate(&float, network, normalisation, &samples, prepare, progress)?))
    }

    /// The bytes of the model file, parsed once to make sure that the runtime takes them.
    pub fn assemble(
        &self,
        name: &str,
        integer: &Integer,
        calibration: Option<&Calibration>,
    ) -> Result<Vec<u8>, CompileError> {
        let network = &self.network;
        let plan = arena::plan(network);
        let (ops, weights) = write::ops(network, integer);
        let meta = serde_json::to_vec(&self.meta(name, integer, calibration))
            .map_err(|error| CompileError::Mismatch(format!("META: {error}")))?;
        let sections = [
            (Section::Input, write::input(&network.tensors[0], &self.input)),
            (Section::Tensors, write::tensors(&network.tensors, &integer.scales, &plan)),
            (Section::Ops, ops),
            (Section::Weights, weights),
            (Section::Noise, self.noise.to_bytes()),
            (Section::Certificates, certificate::section(&self.tables)),
            (Section::Classes, write::classes(&self.classes)),
            (Section::Softmax, write::softmax(integer.logit_scale)),
            (Section::Meta, meta),
        ];
        let bytes = write::file(plan.bytes, Sha256::digest(self.onnx).into(), &sections);
        Model::parse(&bytes)?;
        Ok(bytes)
    }

    fn meta(&self, name: &str, integer: &Integer, calibration: Option<&Calibration>) -> Meta {
        let data = self.data.filter(|_| calibration.is_some());
        Meta {
            schema: meta::SCHEMA.into(),
            compiler: concat!("ringfence ", env!("CARGO_PKG_VERSION")).into(),
            name: name.into(),
            activation_bits: self.options.activation_bits.top().count_ones() as u8,
            calibration: CalibrationMeta {
                data: data.map(|data| data.name().into()).unwrap_or_default(),
                images: data.map(|data| self.options.images.min(data.len())).unwrap_or_default(),
                seed: self.options.seed,
                sigma: self.options.sigma,
                mean: self.mean.clone(),
                std: self.std.clone(),
            },
            ..meta::describe(&self.network, integer, calibration)
        }
    }
}

/// The levels of the image: those that the file gives, or else what the noise asks for.
fn image_scale(network: &Network, normalisation: &Affine, options: &Options) -> Result<Scale, CompileError> {
    if network.is_quantised() && options.activation_bits != ActivationBits::Eight {
        let reason = "7: the ONNX file gives levels of eight bits".into();
        return Err(CompileError::Option { option: "--activation-bits", reason });
    }
    let given = network.tensors[0].levels.map(Scale::given);
    Ok(given
        .unwrap_or_else(|| input::noisy_scale(normalisation, options.sigma, options.activation_bits.top())))
}

/// `(x - mean) / std` as a layer.
fn normalisation(mean: &[f64], std: &[f64]) -> Affine {
    Affine {
        mul: std.iter().map(|std| 1.0 / std).collect(),
        add: mean.iter().zip(std).map(|(mean, std)| -mean / std).collect(),
    }
}
