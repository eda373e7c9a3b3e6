//! What a model file holds, in numbers.

use ringfence_runtime::certificate::Radius;
use ringfence_runtime::plan::{Operand, Tensor};
use ringfence_runtime::{Model, Op, format};
use serde::Serialize;

use super::meta::Meta;
use crate::report::Norm;

/// Name and version of the JSON layout of [`Report`].
pub const SCHEMA: &str = "ringfence.inspect/1";

/// A model file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Name given when it was compiled, if META tells.
    pub name: Option<String>,
    /// Program and version that wrote it, if META tells.
    pub compiler: Option<String>,
    /// Bytes of the file: what it takes in flash.
    pub file_bytes: usize,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// SHA-256 of the ONNX file it was compiled from, hexadecimal.
    pub source_sha256: String,
    /// Rows, columns and channels of the image.
    pub input: [usize; 3],
    /// Bits of the activations: 7 if no tensor holds more than 127.
    pub activation_bits: u8,
    /// Names of the classes.
    pub classes: Vec<String>,
    /// Operations in the order they run.
    pub layers: Vec<Layer>,
    /// Multiplications of one forward pass.
    pub macs: u64,
    /// Weights without padding.
    pub weights: usize,
    /// Bytes of packed weights and requantisation constants.
    pub weight_bytes: usize,
    /// Bytes of all activations together, if none shared memory.
    pub activation_bytes: usize,
    /// Exact arena bytes of one sample; a batch of b takes b times as much.
    pub arena_bytes: usize,
    /// The smoothing noise.
    pub noise: Noise,
    /// Certificate tables.
    pub certificates: Vec<Certificate>,
    /// The network before the classifier and both steps of noise, if smoothing is adaptive. `noise` is then the first step's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask: Option<Mask>,
}

/// A mask network and the numbers of adaptive smoothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mask {
    /// SHA-256 of its ONNX file, hexadecimal.
    pub source_sha256: String,
    /// Operations in the order they run.
    pub layers: Vec<Layer>,
    /// Multiplications of one forward pass.
    pub macs: u64,
    /// Bytes of packed weights and requantisation constants.
    pub weight_bytes: usize,
    /// Deviation that radii are made of, in pixels of full scale 1.
    pub sigma: f64,
    /// Share of the first step in the budget of noise.
    pub budget_split: f64,
    /// Deviation of the second step under a mask of ones, in pixels of full scale 1; other masks have less.
    pub second_sigma: f64,
    /// Total variation distance of a whole image's second step, charged to every certificate (rounded up).
    pub tv_budget: f64,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Layer {
    /// `conv`, `add`, `pool`, `maxpool`, `join`, `lookup` or `logits`.
    pub kind: &'static str,
    /// Name of the ONNX node, if META tells.
    pub name: Option<String>,
    /// Rows, columns and channels it reads.
    pub input: [usize; 3],
    /// Rows, columns and channels it makes.
    pub output: [usize; 3],
    /// Rows and columns of the window; none for operations without one.
    pub kernel: Option<[usize; 2]>,
    /// Steps of the window.
    pub stride: Option<[usize; 2]>,
    /// Adds another activation to its result.
    pub residual: bool,
    /// Clamped at zero from below.
    pub relu: bool,
    /// Products of two groups of weights can be summed in 16 bits.
    pub pairs: bool,
    /// Multiplications.
    pub macs: u64,
    /// Weights without padding.
    pub weights: usize,
    /// Bytes of packed weights and requantisation constants.
    pub weight_bytes: usize,
    /// Bytes of the activation it makes, border and padding channels included.
    pub activation_bytes: usize,
}

/// The noise section.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Noise {
    /// Deviation in pixels of full scale 1.
    pub sigma: f64,
    /// Smallest noise value that the table can hold, in steps of 1/255.
    pub min: i32,
    /// Largest one.
    pub max: i32,
    /// Columns of the alias table.
    pub columns: usize,
    /// Bytes of the tables.
    pub bytes: usize,
    /// Total variation distance e of a whole image's noise, charged to every certificate (rounded up).
    pub tv_budget: f64,
}

/// A certificate table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certificate {
    /// `two-stage`, `single-stage`, `predict` or `sequential`.
    pub method: &'static str,
    /// Votes that select the class; two-stage only.
    pub n0: Option<u32>,
    /// Votes that are counted, the most for sequential.
    pub n: u32,
    /// Probability of a wrong statement.
    pub alpha: f64,
    /// Least count that certifies, or least count of the top class that is ever significant.
    pub least_count: Option<u32>,
    /// What the radius is measured in: `L2` or `LInf`.
    pub norm: Norm,
    /// Radius of a unanimous vote in pixels of full scale 1, the target radius for sequential; none for predict.
    pub max_radius: Option<f64>,
}

/// Describes a model.
pub fn inspect(model: &Model<'_>) -> Report {
    // Without META, or with one this version does not know, only the names are missing.
    let meta = Meta::of(model).ok();
    let name =
        |index: usize| meta.as_ref().and_then(|meta| meta.layers.get(index)).map(|layer| layer.name.clone());
    let layers: Vec<Layer> = model.ops().enumerate().map(|(index, op)| layer(&op, name(index))).collect();
    let mask_name = |index: usize| Some(meta.as_ref()?.mask.as_ref()?.layers.get(index)?.name.clone());
    let input = model.input();
    Report {
        schema: SCHEMA,
        name: meta.as_ref().map(|meta| meta.name.clone()),
        compiler: meta.as_ref().map(|meta| meta.compiler.clone()),
        file_bytes: model.bytes().len(),
        sha256: hex(&model.sha256()),
        source_sha256: hex(model.source_sha256()),
        input: [input.height, input.width, input.channels],
        activation_bits: if model.tensors().all(|tensor| tensor.top <= 127) { 7 } else { 8 },
        classes: (0..model.classes()).filter_map(|i| model.class_name(i)).map(str::to_owned).collect(),
        macs: layers.iter().map(|layer| layer.macs).sum(),
        weights: layers.iter().map(|layer| layer.weights).sum(),
        weight_bytes: layers.iter().map(|layer| layer.weight_bytes).sum(),
        activation_bytes: model.tensors().map(|tensor| tensor.bytes).sum(),
        arena_bytes: model.arena_bytes(1),
        noise: noise(model),
        certificates: model.certificates().map(|table| certificate(&table)).collect(),
        mask: model.mask().map(|found| mask(found, mask_name)),
        layers,
    }
}

fn mask(mask: &format::Mask<'_>, name: impl Fn(usize) -> Option<String>) -> Mask {
    let layers: Vec<Layer> =
        mask.network.ops().enumerate().map(|(index, op)| layer(&op, name(index))).collect();
    let (adaptive, input) = (&mask.adaptive, mask.network.input());
    let ones = 255 * 255 * (input.height * input.width) as u64;
    Mask {
        source_sha256: hex(&adaptive.source_sha256),
        macs: layers.iter().map(|layer| layer.macs).sum(),
        weight_bytes: layers.iter().map(|layer| layer.weight_bytes).sum(),
        layers,
        sigma: f64::from_bits(adaptive.sigma_bits),
        budget_split: f64::from_bits(adaptive.split_bits),
        second_sigma: f64::from(adaptive.deviation(ones)) / 65_025.0,
        tv_budget: (adaptive.tv_budget as f64 * 2f64.powi(-64)).next_up(),
    }
}

fn layer(op: &Op<'_>, name: Option<String>) -> Layer {
    let input = op.input().tensor;
    let (kind, kernel, stride, filter, lo) = match op {
        Op::Conv(op) => ("conv", Some(op.kernel), Some(op.stride), Some(op.filter), op.lo),
        Op::Add(op) => ("add", None, None, None, op.lo),
        Op::GlobalAvgPool(op) => ("pool", None, None, None, op.lo),
        Op::MaxPool(op) => ("maxpool", Some([2, 2]), Some([2, 2]), None, op.lo),
        Op::Join(op) => ("join", None, None, None, op.lo),
        Op::Lookup(_) => ("lookup", None, None, None, 0),
        Op::Logits(op) => ("logits", Some([input.height, input.width]), None, Some(op.filter), 0),
        _ => ("unknown", None, None, None, 0),
    };
    let output = op.output().map(|Operand { tensor, .. }| tensor);
    let volume =
        kernel.filter(|_| filter.is_some()).map_or(0, |[rows, columns]| rows * columns * input.channels);
    Layer {
        kind,
        name,
        input: shape(&input),
        output: match (&output, filter) {
            (Some(tensor), _) => shape(tensor),
            (None, filter) => [1, 1, filter.map_or(0, |filter| filter.outputs)],
        },
        kernel,
        stride,
        residual: op.residual().is_some(),
        relu: output.is_some_and(|tensor| tensor.zero_point == lo && !matches!(op, Op::Lookup(_))),
        pairs: matches!(op, Op::Conv(op) if op.pairs),
        macs: op.macs(),
        weights: filter.map_or(0, |filter| filter.outputs * volume),
        weight_bytes: filter
            .map_or(0, |f| f.weights.len() + 4 * f.bias.len() + 2 * f.mul.len() + f.pre.len()),
        activation_bytes: output.map_or(0, |tensor| tensor.bytes),
    }
}

fn shape(tensor: &Tensor) -> [usize; 3] {
    [tensor.height, tensor.width, tensor.channels]
}

fn noise(model: &Model<'_>) -> Noise {
    let noise = model.noise();
    Noise {
        sigma: f64::from_bits(noise.sigma_bits),
        min: noise.min_value,
        max: noise.min_value + noise.words.len() as i32 - 1,
        columns: noise.words.len(),
        bytes: 8 * noise.words.len(),
        tv_budget: (noise.tv_budget as f64 * 2f64.powi(-64)).next_up(),
    }
}

fn certificate(table: &format::CertificateTable<'_>) -> Certificate {
    let (method, radii) = match table.method() {
        format::Method::TwoStage => ("two-stage", true),
        format::Method::SingleStage => ("single-stage", true),
        format::Method::Sequential => return sequential(table),
        _ => ("predict", false),
    };
    let least_count =
        if radii { Some(table.first()) } else { table.entries().min().filter(|count| *count <= table.n()) };
    Certificate {
        method,
        n0: (table.method() == format::Method::TwoStage).then_some(table.n0()),
        n: table.n(),
        alpha: f64::from_bits(table.alpha_bits()),
        least_count,
        norm: Norm::of(table.norm()),
        max_radius: table
            .entries()
            .last()
            .filter(|_| radii)
            .map(|units| f64::from(units) / f64::from(1 << 20)),
    }
}

fn sequential(table: &format::CertificateTable<'_>) -> Certificate {
    let certifying = table.checkpoints().find(|at| at.accept <= at.votes);
    Certificate {
        method: "sequential",
        n0: None,
        n: table.n(),
        alpha: f64::from_bits(table.alpha_bits()),
        least_count: certifying.map(|at| at.accept),
        norm: Norm::of(table.norm()),
        max_radius: table.target().map(|radius| f64::from(radius.units()) / f64::from(Radius::ONE)),
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
