//! One compilation of a plain model: everything that is known before calibration, and the file made after it.

use ringfence_runtime::Model;
use ringfence_runtime::format::layout::Section;
use sha2::{Digest, Sha256};

use super::calibrate::Calibration;
use super::error::CompileError;
use super::meta::{self, CalibrationMeta, Meta};
use super::options::Options;
use super::part::{Images, Part};
use super::quantise::Integer;
use super::samples::{self, NoiseBytes, NoiseSource};
use super::{arena, limits, lower, write};
use crate::certificate::{self, Smoothing, Table};
use crate::data::Dataset;
use crate::noise::{self, NoiseTable};

/// What is known before calibration.
pub struct Job<'d> {
    /// The network.
    pub part: Part<'d>,
    /// Images to calibrate on, if the network needs it.
    data: Option<&'d dyn Dataset>,
    options: &'d Options,
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
        let images = Images {
            normalisation: &|channels| options.normalisation(channels),
            sigma: options.sigma,
            activation_bits: options.activation_bits,
        };
        let part = Part::new(onnx, data, &images, lower::lower)?;
        let classes = limits::class_names(&part.network, data, options)?;
        let noise = noise::generate(options.sigma, part.graph.nodes[0].shape.len())?;
        let smoothing = Smoothing::l2(options.sigma, noise.tv_budget);
        let tables = options.tables.iter().map(|spec| spec.table(smoothing));
        let tables = tables.collect::<Result<_, _>>()?;
        Ok(Self { part, data, options, classes, noise, tables })
    }

    /// Runs the float model on noisy images. None if the file gives all levels, or there are no images: quantising
    /// then tells what is missing.
    pub fn calibrate(
        &self,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Option<Calibration>, CompileError> {
        let Some(data) = self.data.filter(|_| !self.part.network.is_fully_quantised()) else {
            return Ok(None);
        };
        let noise = NoiseBytes::new(&self.noise);
        let source = NoiseSource { table: noise.view(), seed: self.options.seed };
        let samples = samples::draw(data, self.options.images, Some(source))?;
        self.part.calibrate(&samples, progress).map(Some)
    }

    /// The bytes of the model file, parsed once to make sure that the runtime takes them.
    pub fn assemble(
        &self,
        name: &str,
        integer: &Integer,
        calibration: Option<&Calibration>,
    ) -> Result<Vec<u8>, CompileError> {
        let network = &self.part.network;
        let plan = arena::plan(network);
        let (ops, weights) = write::ops(network, integer);
        let sections = [
            (Section::Input, write::input(&network.tensors[0], &self.part.input)),
            (Section::Tensors, write::tensors(&network.tensors, &integer.scales, &plan)),
            (Section::Ops, ops),
            (Section::Weights, weights),
            (Section::Noise, self.noise.to_bytes()),
            (Section::Certificates, certificate::section(&self.tables)),
            (Section::Classes, write::classes(&self.classes)),
            (Section::Softmax, write::softmax(integer.logit_scale)),
            (Section::Meta, self.meta(name, integer, calibration).to_bytes()?),
        ];
        let bytes = write::file(plan.bytes, Sha256::digest(self.part.onnx).into(), &sections);
        Model::parse(&bytes)?;
        Ok(bytes)
    }

    fn meta(&self, name: &str, integer: &Integer, calibration: Option<&Calibration>) -> Meta {
        let data = self.data.filter(|_| calibration.is_some());
        Meta {
            schema: meta::SCHEMA.into(),
            compiler: meta::COMPILER.into(),
            name: name.into(),
            activation_bits: self.options.activation_bits.top().count_ones() as u8,
            calibration: CalibrationMeta {
                data: data.map(|data| data.name().into()).unwrap_or_default(),
                images: data.map(|data| self.options.images.min(data.len())).unwrap_or_default(),
                seed: self.options.seed,
                sigma: self.options.sigma,
                mean: self.part.mean.clone(),
                std: self.part.std.clone(),
            },
            ..meta::describe(&self.part.network, integer, calibration)
        }
    }
}
