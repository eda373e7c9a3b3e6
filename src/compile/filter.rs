//! Integer weights, biases and multipliers of one layer.

use ndarray::{Array3, Array4, ArrayView3, Axis};
use ringfence_runtime::format::layout::{CHANNEL_GROUP, MAX_BIAS, MAX_PAIR};

use super::error::CompileError;
use super::network::{Activation, Layer, Window};
use super::requant::Requant;
use super::scale::Scale;

/// Largest weight; -128 is not used, so that a weight can be negated.
const MAX_WEIGHT: f64 = 127.0;

/// Factors of 0.5 and more are out of reach of the requantisation rule.
pub const MAX_FACTOR: f64 = 0.499;

/// Smallest factor worth representing: a weight of 1 then moves the result by 255 / 2^22 of a level at most.
const MIN_FACTOR: f64 = 1.0 / (1 << 22) as f64;

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

/// What the requantised result of a filter has to be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Target {
    /// Real value of one unit.
    pub scale: f64,
    /// Usual magnitude, in units.
    pub typical: f64,
    /// Magnitude that must not saturate, in units.
    pub reach: f64,
}

/// Real value of one unit of the weights of the output whose units are the largest.
pub fn coarsest(window: &Window) -> f64 {
    if let Some(units) = &window.units {
        return units.iter().fold(0.0, |coarsest, unit| f64::from(*unit).max(coarsest));
    }
    window.weight.axis_iter(Axis(0)).map(|kernel| largest(&kernel)).fold(0.0, f64::max) / MAX_WEIGHT
}

fn largest(kernel: &ArrayView3<'_, f32>) -> f64 {
    kernel.iter().fold(0.0, |largest, w| f64::from(w.abs()).max(largest))
}

/// Largest magnitude of any output over inputs in `lo..=hi`, which holds zero.
pub fn largest_result(window: &Window, (lo, hi): (f64, f64)) -> f64 {
    let results = window.weight.axis_iter(Axis(0)).zip(&window.bias).map(|(kernel, bias)| {
        let ends = kernel.iter().map(|w| (f64::from(*w) * lo, f64::from(*w) * hi));
        let sums = ends.fold((0.0, 0.0), |(least, most), (a, b)| (least + a.min(b), most + a.max(b)));
        let bias = f64::from(*bias);
        (sums.1 + bias).max(-(sums.0 + bias))
    });
    results.fold(0.0, f64::max)
}

/// Largest sum of the positive weights of a 16-bit lane over two groups, or of the magnitudes of the negative ones: the
/// sums that [`pairs_fit`](ringfence_runtime::format::pairs_fit) bounds.
fn largest_pair(kernel: &ArrayView3<'_, f32>) -> f64 {
    let (rows, columns, channels) = kernel.dim();
    let stored = channels.next_multiple_of(CHANNEL_GROUP);
    let lanes = (columns * stored).div_ceil(2 * CHANNEL_GROUP) * 2;
    let mut sums = vec![[0.0; 2]; rows * lanes];
    for ((row, column, channel), w) in kernel.indexed_iter() {
        let k = column * stored + channel;
        let lane = k / (2 * CHANNEL_GROUP) * 2 + k % CHANNEL_GROUP / 2;
        sums[row * lanes + lane][usize::from(*w < 0.0)] += f64::from(w.abs());
    }
    sums.into_iter().flatten().fold(0.0, f64::max)
}

/// What each weight of a kernel usually meets: the mean of its channel, less where the window sticks out of the map.
/// `positions` are the rows and columns of the result.
pub fn usual(window: &Window, input: &Activation, means: &[f64], positions: (usize, usize)) -> Array3<f64> {
    let (_, rows, columns, channels) = window.weight.dim();
    let inside = |tap: usize, pad: usize, stride: usize, size: usize, positions: usize| {
        let hits = (0..positions).filter(|at| (pad..pad + size).contains(&(at * stride + tap))).count();
        hits as f64 / positions as f64
    };
    Array3::from_shape_fn((rows, columns, channels), |(row, column, channel)| {
        if window.padding.mirrored {
            return means[channel];
        }
        inside(row, window.padding.top, window.strides.0, input.height, positions.0)
            * inside(column, window.padding.left, window.strides.1, input.width, positions.1)
            * means[channel]
    })
}

/// Weights with one scale per output channel, the largest becoming 127, or less where activations of seven bits allow
/// products to be summed in pairs of groups (few channels need it, by little). What rounding them takes from the usual result
/// is given back through the bias (bias correction of Nagel et al., *Data-Free Quantization Through Weight Equalization
/// and Bias Correction*, 2019, with measured means). Weights that the file gives as integers are taken as they are.
pub fn quantise(
    layer: &Layer,
    window: &Window,
    input: Scale,
    usual: &Array3<f64>,
    target: &Target,
) -> Result<Filter, CompileError> {
    let mut weight = Array4::zeros(window.weight.dim());
    let narrow = input.top <= 127 && layer.output.is_some();
    let (mut biases, mut requants) = (Vec::new(), Vec::new());
    let kernels = window.weight.axis_iter(Axis(0)).zip(weight.axis_iter_mut(Axis(0)));
    for (out, ((kernel, mut integers), bias)) in kernels.zip(&window.bias).enumerate() {
        let bias = f64::from(*bias);
        let given = window.units.as_ref().map(|units| f64::from(units[out])).filter(|unit| *unit > 0.0);
        // Below the limit by what rounding four weights may add.
        let pair = if narrow { largest_pair(&kernel) / f64::from(MAX_PAIR - 2) } else { 0.0 };
        let unit = || weight_unit(largest(&kernel), bias, input.scale, target.scale);
        let scale = given.unwrap_or_else(|| unit().max(pair));
        integers.zip_mut_with(&kernel, |q, w| *q = (f64::from(*w) / scale).round() as i8);
        let pairs = kernel.iter().zip(&integers).zip(usual);
        let lost = pairs.map(|((w, q), usual)| (f64::from(*w) - f64::from(*q) * scale) * usual).sum();
        let lost = if given.is_some() { 0.0 } else { lost };
        let unit = input.scale * scale;
        let requant = requant(layer, unit / target.scale, target.typical, target.reach)?;
        let sum: i64 = integers.iter().map(|q| i64::from(*q)).sum();
        let zero = f64::from(input.zero_point) * sum as f64;
        biases.push(bounded(layer, ((bias + lost) / unit).round() - zero + f64::from(requant.rounding()))?);
        requants.push(requant);
    }
    Ok(Filter { weight, bias: biases, requant: requants })
}

/// Real value of one unit of the weights of one output whose largest magnitude is `largest`, between activations whose
/// levels are `input` and `output` wide. Tiny weights get coarser units than they could have: enough for the bias to fit
/// and for the factor to be representable.
pub fn weight_unit(largest: f64, bias: f64, input: f64, output: f64) -> f64 {
    let least = output * MIN_FACTOR / input;
    let room = bias.abs() / (input * f64::from(MAX_BIAS / 4));
    (largest / MAX_WEIGHT).max(least).max(room)
}

/// The rule for a factor, or an error that names the layer.
pub fn requant(layer: &Layer, factor: f64, typical: f64, reach: f64) -> Result<Requant, CompileError> {
    Requant::choose(factor, typical, reach)
        .ok_or_else(|| CompileError::range(&layer.name, "requantisation factor", factor))
}

/// The bias as an integer, or an error that names the layer.
pub fn bounded(layer: &Layer, bias: f64) -> Result<i32, CompileError> {
    if bias.abs() <= f64::from(MAX_BIAS) {
        return Ok(bias as i32);
    }
    Err(CompileError::range(&layer.name, "bias", bias))
}
