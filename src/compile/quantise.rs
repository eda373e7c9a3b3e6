//! Float layers to integer layers: scales, zero points, weights, biases, multipliers.

use ndarray::{Array3, Array4, ArrayView3, Axis};
use ringfence_runtime::format::layout::MAX_BIAS;

use super::calibrate::Calibration;
use super::error::CompileError;
use super::input::InputScale;
use super::network::{Kind, Layer, Network, TensorId, Window};
use super::requant::{Requant, Rescale};
use crate::onnx::Padding;

/// Largest weight; -128 is not used, so that a weight can be negated.
const MAX_WEIGHT: f64 = 127.0;

/// Magnitude of a result for which [`Requant::choose`] minimises the error: what u8 activations usually hold.
const TYPICAL: f64 = 96.0;

/// The largest logit seen in calibration becomes this; the rule saturates four times higher.
const LOGIT_LEVELS: f64 = 4096.0;

/// Factors of 0.5 and more are out of reach of the requantisation rule.
const MAX_FACTOR: f64 = 0.499;

/// Smallest factor worth representing: a whole accumulator moves the result by less than this share of a level.
const MIN_FACTOR: f64 = 1.0 / (1 << 22) as f64;

/// Real value of a stored u8: `scale * (u - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    /// Real value of one level.
    pub scale: f64,
    /// The level that stands for zero.
    pub zero_point: u8,
}

impl Scale {
    /// Levels over `lo..=hi`, which holds zero, but no finer than `least`.
    pub fn covering((lo, hi): (f64, f64), least: f64) -> Self {
        let scale = ((hi - lo) / 255.0).max(least).max(f64::MIN_POSITIVE);
        Self { scale, zero_point: (-lo / scale).round().clamp(0.0, 255.0) as u8 }
    }
}

/// Integer weights of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter {
    /// `[out, kernel row, kernel column, in]`, within ±127.
    pub weight: Array4<i8>,
    /// One per output; zero point of the input and rounding included.
    pub bias: Vec<i32>,
    /// One per output.
    pub requant: Vec<Requant>,
}

/// What an integer layer computes.
#[derive(Clone, Debug, PartialEq)]
pub enum IntegerKind {
    /// Convolution with an optional residual.
    Conv {
        /// Weights.
        filter: Filter,
        /// Step down and to the right.
        strides: (usize, usize),
        /// Where the first window starts.
        padding: Padding,
        /// The residual and the rule that brings it to the scale of the output.
        residual: Option<(TensorId, Rescale)>,
    },
    /// Sum of rescaled operands.
    Add {
        /// Rule of the input.
        rescale: Rescale,
        /// The second operand and its rule.
        other: Option<(TensorId, Rescale)>,
    },
    /// Mean over rows and columns.
    GlobalAvgPool {
        /// Zero point of the input and rounding.
        bias: i32,
        /// From the sum to the mean's scale.
        requant: Requant,
    },
    /// Logits.
    Logits {
        /// Weights.
        filter: Filter,
    },
}

/// The integer network: layers parallel to [`Network::layers`], scales parallel to [`Network::tensors`].
#[derive(Clone, Debug, PartialEq)]
pub struct Integer {
    /// One per tensor.
    pub scales: Vec<Scale>,
    /// One per layer.
    pub layers: Vec<IntegerKind>,
    /// Real value of one unit of a logit.
    pub logit_scale: f64,
}

/// Quantises every layer, in order.
pub fn quantise(
    network: &Network,
    input: &InputScale,
    calibration: &Calibration,
) -> Result<Integer, CompileError> {
    let mut integer = Integer { scales: vec![input.scale], layers: Vec::new(), logit_scale: 0.0 };
    for layer in &network.layers {
        let kind = match &layer.kind {
            Kind::Conv { window, residual } => conv(network, calibration, &mut integer, layer, window, *residual)?,
            Kind::Add { other } => add(calibration, &mut integer, layer, *other)?,
            Kind::GlobalAvgPool => pool(network, calibration, &mut integer, layer)?,
            Kind::Logits { window } => logits(network, calibration, &mut integer, layer, window)?,
        };
        integer.layers.push(kind);
    }
    Ok(integer)
}

impl Integer {
    /// Fixes the scale of the tensor that `layer` makes.
    fn output(&mut self, layer: &Layer, calibration: &Calibration, least: f64) -> Scale {
        let histogram = &calibration.tensors[self.scales.len() - 1];
        let (lo, hi) = histogram.best_range();
        let lo = if layer.relu { 0.0 } else { lo };
        let scale = Scale::covering((lo, hi), least);
        self.scales.push(scale);
        scale
    }
}

fn conv(
    network: &Network,
    calibration: &Calibration,
    integer: &mut Integer,
    layer: &Layer,
    window: &Window,
    residual: Option<TensorId>,
) -> Result<IntegerKind, CompileError> {
    let input = integer.scales[layer.input];
    let finest = window.weight.axis_iter(Axis(0)).map(|kernel| largest(&kernel)).fold(0.0, f64::max) / MAX_WEIGHT;
    let output = integer.output(layer, calibration, input.scale * finest / MAX_FACTOR);
    let residual = match residual {
        None => None,
        Some(tensor) => Some((tensor, rescale(layer, integer.scales[tensor], output)?)),
    };
    let gain = residual.map_or(0.0, |(tensor, _)| integer.scales[tensor].scale / output.scale);
    let target = Target { scale: output.scale, typical: TYPICAL, reach: 512.0 + 255.0 * gain };
    let usual = usual(network, layer, window, calibration);
    let filter = filter(layer, window, input, &usual, &target)?;
    Ok(IntegerKind::Conv { filter, strides: window.strides, padding: window.padding, residual })
}

fn add(
    calibration: &Calibration,
    integer: &mut Integer,
    layer: &Layer,
    other: Option<TensorId>,
) -> Result<IntegerKind, CompileError> {
    let input = integer.scales[layer.input];
    let output = integer.output(layer, calibration, 0.0);
    let other = match other {
        None => None,
        Some(tensor) => Some((tensor, rescale(layer, integer.scales[tensor], output)?)),
    };
    Ok(IntegerKind::Add { rescale: rescale(layer, input, output)?, other })
}

fn pool(
    network: &Network,
    calibration: &Calibration,
    integer: &mut Integer,
    layer: &Layer,
) -> Result<IntegerKind, CompileError> {
    let input = integer.scales[layer.input];
    let pixels = network.tensors[layer.input].height * network.tensors[layer.input].width;
    let one = input.scale / pixels as f64;
    let output = integer.output(layer, calibration, one / MAX_FACTOR);
    let requant = requant(layer, one / output.scale, TYPICAL, 512.0)?;
    let bias = f64::from(requant.rounding()) - pixels as f64 * f64::from(input.zero_point);
    Ok(IntegerKind::GlobalAvgPool { bias: bounded(layer, bias)?, requant })
}

fn logits(
    network: &Network,
    calibration: &Calibration,
    integer: &mut Integer,
    layer: &Layer,
    window: &Window,
) -> Result<IntegerKind, CompileError> {
    let input = integer.scales[layer.input];
    let finest = window.weight.axis_iter(Axis(0)).map(|kernel| largest(&kernel)).fold(0.0, f64::max) / MAX_WEIGHT;
    let seen = f64::from(calibration.logits.max.max(-calibration.logits.min));
    let scale = (seen / LOGIT_LEVELS).max(input.scale * finest / MAX_FACTOR).max(f64::MIN_POSITIVE);
    integer.logit_scale = scale;
    let target = Target { scale, typical: LOGIT_LEVELS / 2.0, reach: 4.0 * LOGIT_LEVELS };
    let usual = usual(network, layer, window, calibration);
    Ok(IntegerKind::Logits { filter: filter(layer, window, input, &usual, &target)? })
}

/// What the requantised result of a filter has to be.
struct Target {
    /// Real value of one unit.
    scale: f64,
    /// Usual magnitude, in units.
    typical: f64,
    /// Magnitude that must not saturate, in units.
    reach: f64,
}

/// What each weight of a kernel usually meets: the mean of its channel, less where the window sticks out of the map.
fn usual(network: &Network, layer: &Layer, window: &Window, calibration: &Calibration) -> Array3<f64> {
    let (_, rows, columns, channels) = window.weight.dim();
    let input = &network.tensors[layer.input];
    let output = layer.output.map(|output| &network.tensors[output]);
    let (out_rows, out_columns) = output.map_or((1, 1), |output| (output.height, output.width));
    let inside = |tap: usize, pad: usize, stride: usize, size: usize, positions: usize| {
        let hits = (0..positions).filter(|at| (pad..pad + size).contains(&(at * stride + tap))).count();
        hits as f64 / positions as f64
    };
    Array3::from_shape_fn((rows, columns, channels), |(row, column, channel)| {
        inside(row, window.padding.top, window.strides.0, input.height, out_rows)
            * inside(column, window.padding.left, window.strides.1, input.width, out_columns)
            * calibration.means[layer.input][channel]
    })
}

/// Weights with one scale per output channel, the largest becoming 127. What rounding them takes from the usual result
/// is given back through the bias.
fn filter(
    layer: &Layer,
    window: &Window,
    input: Scale,
    usual: &Array3<f64>,
    target: &Target,
) -> Result<Filter, CompileError> {
    let mut weight = Array4::zeros(window.weight.dim());
    let (mut biases, mut requants) = (Vec::new(), Vec::new());
    let kernels = window.weight.axis_iter(Axis(0)).zip(weight.axis_iter_mut(Axis(0)));
    for ((kernel, mut integers), bias) in kernels.zip(&window.bias) {
        let bias = f64::from(*bias);
        let least = target.scale * MIN_FACTOR / input.scale;
        let room = bias.abs() / (input.scale * f64::from(MAX_BIAS / 4));
        let scale = (largest(&kernel) / MAX_WEIGHT).max(least).max(room);
        integers.zip_mut_with(&kernel, |q, w| *q = (f64::from(*w) / scale).round() as i8);
        let unit = input.scale * scale;
        let requant = requant(layer, unit / target.scale, target.typical, target.reach)?;
        let lost: f64 = kernel
            .iter()
            .zip(&integers)
            .zip(usual)
            .map(|((w, q), usual)| (f64::from(*w) - f64::from(*q) * scale) * usual)
            .sum();
        let sum: i64 = integers.iter().map(|q| i64::from(*q)).sum();
        let zero = f64::from(input.zero_point) * sum as f64;
        biases.push(bounded(layer, ((bias + lost) / unit).round() - zero + f64::from(requant.rounding()))?);
        requants.push(requant);
    }
    Ok(Filter { weight, bias: biases, requant: requants })
}

fn largest(kernel: &ArrayView3<'_, f32>) -> f64 {
    kernel.iter().fold(0.0, |largest, w| f64::from(w.abs()).max(largest))
}

fn requant(layer: &Layer, factor: f64, typical: f64, reach: f64) -> Result<Requant, CompileError> {
    Requant::choose(factor, typical, reach)
        .ok_or_else(|| CompileError::Range { layer: layer.name.clone(), what: "requantisation factor", found: factor })
}

fn rescale(layer: &Layer, from: Scale, to: Scale) -> Result<Rescale, CompileError> {
    let factor = from.scale / to.scale;
    Rescale::choose(factor)
        .ok_or_else(|| CompileError::Range { layer: layer.name.clone(), what: "residual factor", found: factor })
}

fn bounded(layer: &Layer, bias: f64) -> Result<i32, CompileError> {
    if bias.abs() <= f64::from(MAX_BIAS) {
        return Ok(bias as i32);
    }
    Err(CompileError::Range { layer: layer.name.clone(), what: "bias", found: bias })
}
