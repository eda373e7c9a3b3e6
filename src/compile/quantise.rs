//! Float layers to integer layers: scales and zero points of activations, rules between them.

use ndarray::Array3;
use ringfence_runtime::format::layout::LOOKUP_ENTRIES;

use super::calibrate::Calibration;
use super::error::CompileError;
use super::filter::{self, Filter, MAX_FACTOR, Target};
use super::input::InputScale;
use super::network::{End, Kind, Layer, Network, TensorId, Window};
use super::ranges::ranges;
use super::requant::{Requant, Rescale};
use super::scale::Scale;
use crate::onnx::{Curve, Padding};

/// Magnitude of a result for which [`Requant::choose`] minimises the error: what activations usually hold, as a part of
/// the levels they have.
const TYPICAL: f64 = 96.0 / 255.0;

/// Magnitude that a result of a layer must reach without saturating before the clamp: twice all levels.
const RANGE: f64 = 512.0 / 255.0;

/// The largest logit seen in calibration becomes this.
const LOGIT_LEVELS: f64 = 4096.0;

/// The rule saturates so many times higher.
const LOGIT_ROOM: f64 = 4.0;

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
    /// Largest of each two by two pixels.
    MaxPool,
    /// Rescaled operands side by side.
    Join {
        /// Rule of the input.
        rescale: Rescale,
        /// The second operand and its rule.
        other: Option<(TensorId, Rescale)>,
    },
    /// Values through a table.
    Lookup {
        /// Result of each value.
        table: Box<[u8; LOOKUP_ENTRIES]>,
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

/// Quantises every layer, in order, to the levels that the file gives, or else over the calibrated range.
///
/// # Errors
/// The layer whose numbers do not fit, or whose result has neither levels nor a calibrated range.
pub fn quantise(
    network: &Network,
    input: &InputScale,
    calibration: Option<&Calibration>,
) -> Result<Integer, CompileError> {
    let integer = Integer { scales: vec![input.scale], layers: Vec::new(), logit_scale: 0.0 };
    let ranges = calibration.map(|calibration| ranges(network, calibration, input.scale)).unwrap_or_default();
    let mut quantiser = Quantiser { network, calibration, ranges, integer };
    for layer in &network.layers {
        let kind = match &layer.kind {
            Kind::Conv { window, residual } => quantiser.conv(layer, window, *residual)?,
            Kind::Add { other } => quantiser.add(layer, *other)?,
            Kind::GlobalAvgPool => quantiser.pool(layer)?,
            Kind::MaxPool => quantiser.max_pool(layer)?,
            Kind::Join { other } => quantiser.join(layer, *other)?,
            Kind::Lookup { curve } => quantiser.lookup(layer, *curve)?,
            Kind::Logits { window } => quantiser.logits(layer, window)?,
        };
        quantiser.integer.layers.push(kind);
    }
    Ok(quantiser.integer)
}

struct Quantiser<'a> {
    network: &'a Network,
    /// What was measured; not needed where the file gives all levels.
    calibration: Option<&'a Calibration>,
    /// One for each tensor, if calibrated.
    ranges: Vec<(f64, f64)>,
    /// The layers before the current one, and the scales of all tensors made so far.
    integer: Integer,
}

impl Quantiser<'_> {
    fn conv(
        &mut self,
        layer: &Layer,
        window: &Window,
        residual: Option<TensorId>,
    ) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        let output = self.output(layer, input.scale * filter::coarsest(window) / MAX_FACTOR)?;
        let residual = self.second(layer, residual, output)?;
        let gain = residual.map_or(0.0, |(tensor, _)| self.integer.scales[tensor].scale / output.scale);
        // A residual may pull the result back into range from as far as it reaches itself.
        let levels = f64::from(output.top);
        let (typical, reach) = (levels * TYPICAL, levels * (RANGE + gain));
        let target = Target { scale: output.scale, typical, reach };
        let filter = filter::quantise(layer, window, input, &self.usual(layer, window), &target)?;
        Ok(IntegerKind::Conv { filter, strides: window.strides, padding: window.padding, residual })
    }

    fn add(&mut self, layer: &Layer, other: Option<TensorId>) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        let output = self.output(layer, 0.0)?;
        let other = self.second(layer, other, output)?;
        Ok(IntegerKind::Add { rescale: rescale(layer, input, output)?, other })
    }

    fn pool(&mut self, layer: &Layer) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        let map = &self.network.tensors[layer.input];
        let pixels = (map.height * map.width) as f64;
        let one = input.scale / pixels;
        let output = self.output(layer, one / MAX_FACTOR)?;
        let levels = f64::from(output.top);
        let requant = filter::requant(layer, one / output.scale, levels * TYPICAL, levels * RANGE)?;
        let bias = f64::from(requant.rounding()) - pixels * f64::from(input.zero_point);
        Ok(IntegerKind::GlobalAvgPool { bias: filter::bounded(layer, bias)?, requant })
    }

    /// Values are passed on as they are.
    fn max_pool(&mut self, layer: &Layer) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        match self.given() {
            Some(other) if other != input => {
                let [found, wanted] = [other, input]
                    .map(|s| format!("scale {} and zero point {}", s.scale as f32, s.zero_point));
                Err(CompileError::MaximumLevels { layer: layer.name.clone(), found, wanted })
            }
            _ => {
                self.integer.scales.push(input);
                Ok(IntegerKind::MaxPool)
            }
        }
    }

    /// Unless given, the scale covers what each operand can hold: nothing is clipped, and what has the widest range is
    /// copied.
    fn join(&mut self, layer: &Layer, other: Option<TensorId>) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        let ranges = layer.reads().map(|tensor| self.integer.scales[tensor].range());
        let (lo, hi) = ranges.fold((0.0, 0.0), |(lo, hi): (f64, f64), (a, b)| (lo.min(a), hi.max(b)));
        let covering = Scale::covering((if layer.relu { 0.0 } else { lo }, hi), input.top, 0.0);
        let output = self.given().unwrap_or(covering);
        self.integer.scales.push(output);
        let other = self.second(layer, other, output)?;
        Ok(IntegerKind::Join { rescale: rescale(layer, input, output)?, other })
    }

    /// A mask has a scale of its own: 255 is 1.
    fn lookup(&mut self, layer: &Layer, curve: Curve) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        let output = match curve {
            Curve::Sigmoid => {
                let mask = Scale { scale: 1.0 / 255.0, zero_point: 0, top: u8::MAX };
                self.integer.scales.push(mask);
                mask
            }
            Curve::LeakyRelu { .. } => self.output(layer, 0.0)?,
        };
        let entry = |level: usize| {
            let x = input.scale * (level as f64 - f64::from(input.zero_point));
            let level = (curve.at(x) / output.scale).round() + f64::from(output.zero_point);
            level.clamp(0.0, f64::from(output.top)) as u8
        };
        Ok(IntegerKind::Lookup { table: Box::new(std::array::from_fn(entry)) })
    }

    fn logits(&mut self, layer: &Layer, window: &Window) -> Result<IntegerKind, CompileError> {
        let input = self.integer.scales[layer.input];
        let least = (input.scale * filter::coarsest(window) / MAX_FACTOR).max(f64::MIN_POSITIVE);
        let scale = (self.largest_logit(window, input) / LOGIT_LEVELS).max(least);
        self.integer.logit_scale = scale;
        let target = Target { scale, typical: LOGIT_LEVELS / 2.0, reach: LOGIT_ROOM * LOGIT_LEVELS };
        let filter = filter::quantise(layer, window, input, &self.usual(layer, window), &target)?;
        Ok(IntegerKind::Logits { filter })
    }

    /// What becomes [`LOGIT_LEVELS`]: the largest logit of the levels that the file gives, or that was seen, or a part
    /// of the largest that the input's levels can make, so that even that one does not saturate.
    fn largest_logit(&self, window: &Window, input: Scale) -> f64 {
        if let End::Logits { levels: Some(levels), .. } = self.network.end {
            let (lo, hi) = Scale::given(levels).range();
            return hi.max(-lo);
        }
        if let Some(calibration) = self.calibration {
            return f64::from(calibration.logits.max.max(-calibration.logits.min));
        }
        filter::largest_result(window, input.range()) / LOGIT_ROOM
    }

    /// The scale that the file gives for the next tensor.
    fn given(&self) -> Option<Scale> {
        self.network.tensors[self.integer.scales.len()].levels.map(Scale::given)
    }

    /// Fixes the scale of the tensor that `layer` makes: one level is at least `least`, unless it is given.
    fn output(&mut self, layer: &Layer, least: f64) -> Result<Scale, CompileError> {
        let tensor = self.integer.scales.len();
        let top = self.integer.scales[layer.input].top;
        let measured = self.ranges.get(tensor).map(|range| Scale::covering(*range, top, least));
        let scale = self.given().or(measured).ok_or_else(|| CompileError::Levels {
            layer: layer.name.clone(),
            value: self.network.tensors[tensor].value.clone(),
        })?;
        self.integer.scales.push(scale);
        Ok(scale)
    }

    /// The second operand of a sum or join with the rule that brings it to the scale of the result.
    fn second(
        &self,
        layer: &Layer,
        tensor: Option<TensorId>,
        output: Scale,
    ) -> Result<Option<(TensorId, Rescale)>, CompileError> {
        let scaled = |tensor: TensorId| Ok((tensor, rescale(layer, self.integer.scales[tensor], output)?));
        tensor.map(scaled).transpose()
    }

    fn usual(&self, layer: &Layer, window: &Window) -> Array3<f64> {
        let output = layer.output.map(|output| &self.network.tensors[output]);
        let positions = output.map_or((1, 1), |output| (output.height, output.width));
        let input = &self.network.tensors[layer.input];
        match self.calibration {
            Some(calibration) => filter::usual(window, input, &calibration.means[layer.input], positions),
            None => filter::usual(window, input, &vec![0.0; input.channels], positions),
        }
    }
}

fn rescale(layer: &Layer, from: Scale, to: Scale) -> Result<Rescale, CompileError> {
    let factor = from.scale / to.scale;
    Rescale::choose(factor).ok_or_else(|| CompileError::range(&layer.name, "residual factor", factor))
}
