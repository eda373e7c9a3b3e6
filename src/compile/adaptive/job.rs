//! One compilation of two networks.

use ringfence_runtime::Model;
use ringfence_runtime::format::layout::{ALIGN, Section};
use sha2::{Digest, Sha256};

use super::images::Source;
use super::{Networks, Steps};
use crate::certificate::{self, Ball, Smoothing, Table};
use crate::compile::calibrate::Calibration;
use crate::compile::meta::{self, CalibrationMeta, MaskMeta, Meta};
use crate::compile::part::{Images, Part};
use crate::compile::quantise::{self, Integer};
use crate::compile::samples::NoiseBytes;
use crate::compile::{CompileError, Options, arena, limits, lower, write};
use crate::data::Dataset;

/// What is known before calibration.
pub struct Job<'d> {
    mask: Part<'d>,
    classifier: Part<'d>,
    data: &'d dyn Dataset,
    options: &'d Options,
    classes: Vec<String>,
    steps: Steps,
    tables: Vec<Table>,
    split: f64,
}

/// A network in integers, with what was measured on the way.
struct Made {
    integer: Integer,
    calibration: Calibration,
}

impl<'d> Job<'d> {
    /// Reads and checks everything.
    pub fn new(
        networks: Networks<'d>,
        data: &'d dyn Dataset,
        options: &'d Options,
        split: f64,
    ) -> Result<Self, CompileError> {
        let steps = Steps::new(options.sigma, split, data.shape())?;
        let images = Images {
            normalisation: &|channels| Ok((vec![0.0; channels], vec![1.0; channels])),
            sigma: steps.first.sigma,
            activation_bits: options.activation_bits,
        };
        let mask = Part::new(networks.mask, Some(data), &images, lower::lower_mask)?;
        // Where the mask is small the noise is that of the first step; what saturates there is masked out.
        let images = Images {
            normalisation: &|channels| options.normalisation(channels),
            sigma: options.sigma,
            ..images
        };
        let classifier = Part::new(networks.classifier, Some(data), &images, lower::lower)?;
        let classes = limits::class_names(&classifier.network, Some(data), options)?;
        let smoothing = smoothing(&steps, options, data)?;
        let tables = options.tables.iter().map(|spec| spec.table(smoothing)).collect::<Result<_, _>>()?;
        Ok(Self { mask, classifier, data, options, classes, steps, tables, split })
    }

    /// Calibrates and quantises both networks, the mask network first.
    pub fn run(&self, name: &str, progress: &(dyn Fn(usize, usize) + Sync)) -> Result<Vec<u8>, CompileError> {
        let noise = NoiseBytes::new(&self.steps.first);
        let source = Source {
            data: self.data,
            count: self.options.images,
            table: noise.view(),
            adaptive: self.steps.view([0; 32]),
            seed: self.options.seed,
        };
        let noisy = source.noisy()?;
        let mask = make(&self.mask, &self.mask.calibrate(&noisy, &|done, all| progress(done, 2 * all))?)?;
        let mixed = source.mixed(&noisy, &self.mask)?;
        let second = |done: usize, all: usize| progress(done + all, 2 * all);
        let classifier = make(&self.classifier, &self.classifier.calibrate(&mixed, &second)?)?;
        self.assemble(name, &mask, &classifier)
    }

    /// The bytes of the model file, parsed once to make sure that the runtime takes them.
    fn assemble(&self, name: &str, mask: &Made, classifier: &Made) -> Result<Vec<u8>, CompileError> {
        let plans = [&self.mask, &self.classifier].map(|part| arena::plan(&part.network));
        let networks = plans.iter().map(|plan| plan.bytes).max().unwrap_or_default();
        let shape = self.data.shape();
        let plane = (shape.height * shape.width).next_multiple_of(ALIGN);
        let [mask_tensors, tensors] =
            [(&self.mask, mask, &plans[0]), (&self.classifier, classifier, &plans[1])]
                .map(|(part, made, plan)| write::tensors(&part.network.tensors, &made.integer.scales, plan));
        let (ops, weights) = write::ops(&self.classifier.network, &classifier.integer);
        let (mask_ops, mask_weights) = write::ops(&self.mask.network, &mask.integer);
        let input = |part: &Part<'_>| write::input(&part.network.tensors[0], &part.input);
        let sections = [
            (Section::Input, input(&self.classifier)),
            (Section::Tensors, tensors),
            (Section::Ops, ops),
            (Section::Weights, weights),
            (Section::Noise, self.steps.first.to_bytes()),
            (Section::Certificates, certificate::section(&self.tables)),
            (Section::Classes, write::classes(&self.classes)),
            (Section::Softmax, write::softmax(classifier.integer.logit_scale)),
            (Section::Meta, self.meta(name, mask, classifier).to_bytes()?),
            (Section::Adaptive, self.steps.to_bytes(Sha256::digest(self.mask.onnx).into())),
            (Section::MaskInput, input(&self.mask)),
            (Section::MaskTensors, mask_tensors),
            (Section::MaskOps, mask_ops),
            (Section::MaskWeights, mask_weights),
        ];
        let source = Sha256::digest(self.classifier.onnx).into();
        let bytes = write::file(networks + plane, source, &sections);
        Model::parse(&bytes)?;
        Ok(bytes)
    }

    fn meta(&self, name: &str, mask: &Made, classifier: &Made) -> Meta {
        let describe = |part: &Part<'_>, made: &Made| {
            meta::describe(&part.network, &made.integer, Some(&made.calibration))
        };
        let Meta { tensors, layers, .. } = describe(&self.mask, mask);
        Meta {
            schema: meta::SCHEMA.into(),
            compiler: meta::COMPILER.into(),
            name: name.into(),
            activation_bits: self.options.activation_bits.top().count_ones() as u8,
            calibration: CalibrationMeta {
                data: self.data.name().into(),
                images: self.options.images.min(self.data.len()),
                seed: self.options.seed,
                sigma: self.options.sigma,
                mean: self.classifier.mean.clone(),
                std: self.classifier.std.clone(),
            },
            mask: Some(MaskMeta { budget_split: self.split, tensors, layers }),
            ..describe(&self.classifier, classifier)
        }
    }
}

fn make(part: &Part<'_>, calibration: &Calibration) -> Result<Made, CompileError> {
    let integer = quantise::quantise(&part.network, &part.input, Some(calibration))?;
    Ok(Made { integer, calibration: calibration.clone() })
}

/// What votes of such a model are worth.
fn smoothing(steps: &Steps, options: &Options, data: &dyn Dataset) -> Result<Smoothing, CompileError> {
    let tv_budget = steps.first.tv_budget.saturating_add(steps.view([0; 32]).tv_budget);
    let values = std::num::NonZeroU64::new(data.shape().bytes() as u64)
        .ok_or_else(|| CompileError::Mismatch(format!("{}: images without pixels", data.name())))?;
    Ok(Smoothing { sigma: options.sigma, tv_budget, ball: Ball::LInf { values } })
}
