//! The META section: what the integers mean in real units, for people and for `validate`. The runtime ignores it.

use ringfence_runtime::Model;
use serde::{Deserialize, Serialize};

use super::calibrate::Calibration;
use super::error::CompileError;
use super::network::Network;
use super::quantise::Integer;
use super::range::Extremes;

/// Name and version of the JSON layout.
pub const SCHEMA: &str = "ringfence.meta/1";

/// This program and its version.
pub const COMPILER: &str = concat!("ringfence ", env!("CARGO_PKG_VERSION"));

/// How a model was made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// [`SCHEMA`].
    pub schema: String,
    /// Program and version that wrote the file.
    pub compiler: String,
    /// Name of the model.
    pub name: String,
    /// Bits of the activations.
    pub activation_bits: u8,
    /// Options of the calibration.
    pub calibration: CalibrationMeta,
    /// Activations, parallel to the TENSORS section.
    pub tensors: Vec<TensorMeta>,
    /// Layers, parallel to the OPS section.
    pub layers: Vec<LayerMeta>,
    /// The logits.
    pub logits: LogitsMeta,
    /// The mask network, if smoothing is adaptive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mask: Option<MaskMeta>,
}

/// The mask network of a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MaskMeta {
    /// Share of the first step in the budget of noise.
    pub budget_split: f64,
    /// Activations, parallel to the MASK TENSORS section.
    pub tensors: Vec<TensorMeta>,
    /// Layers, parallel to the MASK OPS section.
    pub layers: Vec<LayerMeta>,
}

impl Meta {
    /// The META of a model; checked to describe each tensor and layer.
    pub fn of(model: &Model<'_>) -> Result<Self, CompileError> {
        let text =
            model.meta().ok_or_else(|| CompileError::Mismatch("the model has no META section".into()))?;
        let meta: Meta =
            serde_json::from_str(text).map_err(|error| CompileError::Mismatch(format!("META: {error}")))?;
        let (tensors, layers) = (model.tensors().count(), model.ops().count());
        if meta.schema != SCHEMA || meta.tensors.len() != tensors || meta.layers.len() != layers {
            return Err(CompileError::Mismatch(format!(
                "META: expected {SCHEMA} with {tensors} tensors and {layers} layers, found {} with {} and {}",
                meta.schema,
                meta.tensors.len(),
                meta.layers.len()
            )));
        }
        let parts = |mask: &MaskMeta| (mask.tensors.len(), mask.layers.len());
        let wanted = model.mask().map(|mask| (mask.network.tensors().count(), mask.network.ops().count()));
        if meta.mask.as_ref().map(parts) != wanted {
            return Err(CompileError::Mismatch("META: does not describe the mask network".into()));
        }
        Ok(meta)
    }

    /// The META section.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>, CompileError> {
        serde_json::to_vec(self).map_err(|error| CompileError::Mismatch(format!("META: {error}")))
    }
}

/// Images and noise that the ranges were taken from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationMeta {
    /// Name of the data set (training split); empty if the ONNX file gave all levels.
    pub data: String,
    /// Number of images.
    pub images: usize,
    /// Seed of their noise.
    pub seed: u64,
    /// Deviation of the noise, full scale 1.
    pub sigma: f64,
    /// Mean subtracted from each channel before the ONNX model (`--mean`).
    pub mean: Vec<f64>,
    /// Divisor of each channel before the ONNX model (`--std`).
    pub std: Vec<f64>,
}

/// One activation: real value = `scale * (u - zero_point)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TensorMeta {
    /// Name of the ONNX value it stands for.
    pub value: String,
    /// Real value of one level.
    pub scale: f64,
    /// The level that stands for zero.
    pub zero_point: u8,
    /// Smallest value seen in calibration (0 for the image and without calibration).
    pub min: f32,
    /// Largest value seen in calibration (0 for the image and without calibration).
    pub max: f32,
}

/// One layer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerMeta {
    /// Name of the ONNX node that gives it its weights or its kind.
    pub name: String,
    /// Names of the ONNX nodes folded or fused into it.
    pub absorbed: Vec<String>,
}

/// The logits: real value = `scale * r`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LogitsMeta {
    /// Name of the ONNX value they stand for.
    pub value: String,
    /// Real value of one unit.
    pub scale: f64,
    /// Smallest value seen in calibration.
    pub min: f32,
    /// Largest value seen in calibration.
    pub max: f32,
}

/// The parts of META that describe the network; the rest is empty.
pub fn describe(network: &Network, integer: &Integer, calibration: Option<&Calibration>) -> Meta {
    let seen = std::iter::once(Extremes::default())
        .chain(calibration.iter().flat_map(|c| &c.tensors).map(|histogram| histogram.extremes()))
        .chain(std::iter::repeat(Extremes::default()));
    let tensors =
        network.tensors.iter().zip(&integer.scales).zip(seen).map(|((tensor, scale), seen)| TensorMeta {
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
    let Extremes { min, max } = calibration.map(|c| c.logits).unwrap_or_default();
    Meta {
        tensors: tensors.collect(),
        layers: layers.collect(),
        logits: LogitsMeta {
            value: network.logits().unwrap_or_default().to_owned(),
            scale: integer.logit_scale,
            min,
            max,
        },
        ..Meta::default()
    }
}
