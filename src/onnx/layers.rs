//! Readers of the layers with weights, of ReLU and of other curves.

use ndarray::{Array2, Array4};

use super::Reason;
use super::constant::Constant;
use super::graph::{Affine, Conv, Curve, Dense, Op, Padding, Shape};
use super::site::{Made, Site};

/// Largest kernel side, stride and padding that the model format can hold.
const MAX_WINDOW: i64 = u8::MAX as i64;

/// Conv with group 1 and dilation 1.
pub fn conv(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, height, width) = site.map(0)?;
    let weight = array4(site.constant(1)?)?;
    let units = units(site.constant(1)?, 0, weight.dim().0)?;
    let (out, fan_in, kernel_h, kernel_w) = weight.dim();
    site.attributes.require_int("group", 1, 1)?;
    site.attributes.require_all("dilations", 1)?;
    if fan_in != channels {
        return Err(format!("weight {:?} wants {fan_in} channels, the input has {channels}", weight.dim()));
    }
    window_pair(&[kernel_h as i64, kernel_w as i64], "kernel", 1)?;
    if let Some(shape) = site.attributes.ints("kernel_shape")?
        && shape != [kernel_h as i64, kernel_w as i64]
    {
        return Err(format!("kernel_shape {shape:?} differs from the weight's {:?}", weight.dim()));
    }
    let strides = match site.attributes.ints("strides")? {
        Some(strides) => window_pair(strides, "strides", 1)?,
        None => (1, 1),
    };
    let padding = conv_padding(site, (height, width), (kernel_h, kernel_w), strides)?;
    let bias = match site.optional_constant(2)? {
        Some(bias) => per_channel(bias, out)?,
        None => vec![0.0; out],
    };
    let size =
        |size: usize, pads: usize, kernel: usize, stride: usize| match (size + pads).checked_sub(kernel) {
            Some(room) => Ok(room / stride + 1),
            None => Err(format!("the kernel ({kernel}) is larger than the padded input ({})", size + pads)),
        };
    let shape = Shape::Map {
        channels: out,
        height: size(height, padding.top + padding.bottom, kernel_h, strides.0)?,
        width: size(width, padding.left + padding.right, kernel_w, strides.1)?,
    };
    Ok(Made::layer(Op::Conv(Conv { weight, bias, strides, padding, units }), vec![input], shape))
}

/// `auto_pad` and `pads`. SAME gives `ceil(size / stride)` outputs, the odd pixel below (UPPER) or above (LOWER).
fn conv_padding(
    site: &mut Site<'_>,
    size: (usize, usize),
    kernel: (usize, usize),
    strides: (usize, usize),
) -> Reason<Padding> {
    let pads = site.attributes.ints("pads")?;
    let mode = site.attributes.string("auto_pad")?.unwrap_or_else(|| "NOTSET".into());
    let same = |size: usize, kernel: usize, stride: usize| {
        let total = ((size.div_ceil(stride) - 1) * stride + kernel).saturating_sub(size);
        if mode == "SAME_UPPER" { (total / 2, total - total / 2) } else { (total - total / 2, total / 2) }
    };
    match (mode.as_str(), pads) {
        ("NOTSET", None) | ("VALID", _) => Ok(Padding::default()),
        ("NOTSET", Some(&[top, left, bottom, right])) => {
            let (top, left) = window_pair(&[top, left], "pads", 0)?;
            let (bottom, right) = window_pair(&[bottom, right], "pads", 0)?;
            Ok(Padding { top, left, bottom, right, mirrored: false })
        }
        ("NOTSET", Some(pads)) => Err(format!("pads {pads:?}, expected four")),
        ("SAME_UPPER" | "SAME_LOWER", _) => {
            let (top, bottom) = same(size.0, kernel.0, strides.0);
            let (left, right) = same(size.1, kernel.1, strides.1);
            Ok(Padding { top, left, bottom, right, mirrored: false })
        }
        _ => Err(format!("unknown auto_pad {mode}")),
    }
}

/// Two numbers (down, to the right) from `least` to what one byte holds.
fn window_pair(values: &[i64], what: &str, least: i64) -> Reason<(usize, usize)> {
    match values {
        &[down, right] if [down, right].iter().all(|v| (least..=MAX_WINDOW).contains(v)) => {
            Ok((down as usize, right as usize))
        }
        _ => Err(format!("{what} {values:?}, expected two numbers from {least} to {MAX_WINDOW}")),
    }
}

/// Gemm with alpha, beta and transB; A is a vector per sample.
pub fn gemm(site: &mut Site<'_>) -> Reason<Made> {
    let (input, features) = vector(site)?;
    let alpha = site.attributes.float("alpha")?.unwrap_or(1.0);
    let beta = site.attributes.float("beta")?.unwrap_or(1.0);
    site.attributes.require_int("transA", 0, 0)?;
    let weight = array2(site.constant(1)?)?;
    let (weight, outputs) = match site.attributes.int("transB")?.unwrap_or(0) {
        0 => (weight.reversed_axes(), 1),
        _ => (weight, 0),
    };
    let units = units(site.constant(1)?, outputs, weight.nrows())?;
    let units = units.map(|units| units.into_iter().map(|unit| unit * alpha.abs()).collect());
    let bias = match site.optional_constant(2)? {
        Some(bias) => per_channel(bias, weight.nrows())?,
        None => vec![0.0; weight.nrows()],
    };
    let bias = bias.into_iter().map(|b| beta * b).collect();
    dense(input, features, Dense { weight: weight.mapv(|w| alpha * w), bias, units })
}

/// MatMul of a vector per sample by a constant matrix.
pub fn mat_mul(site: &mut Site<'_>) -> Reason<Made> {
    let (input, features) = vector(site)?;
    let weight = array2(site.constant(1)?)?.reversed_axes();
    let bias = vec![0.0; weight.nrows()];
    let units = units(site.constant(1)?, 1, weight.nrows())?;
    dense(input, features, Dense { weight, bias, units })
}

fn vector(site: &Site<'_>) -> Reason<(usize, usize)> {
    match site.computed(0)? {
        (input, Shape::Vector(features)) => Ok((input, features)),
        (_, shape) => Err(format!("expected a vector [N, F], found {shape}; flatten it first")),
    }
}

fn dense(input: usize, features: usize, dense: Dense) -> Reason<Made> {
    let (out, fan_in) = dense.weight.dim();
    if fan_in != features {
        return Err(format!("the weight wants {fan_in} features, the input has {features}"));
    }
    Ok(Made::layer(Op::Dense(dense), vec![input], Shape::Vector(out)))
}

/// The units of integer weights, one for each of `count` outputs, which are the entries of axis `outputs`.
fn units(weight: &Constant, outputs: usize, count: usize) -> Reason<Option<Vec<f32>>> {
    match &weight.units {
        None => Ok(None),
        Some(units) if units.scales.len() == 1 => Ok(Some(vec![units.scales[0]; count])),
        Some(units) if units.axis == outputs => Ok(Some(units.scales.clone())),
        Some(units) => Err(format!(
            "weight {} has a scale for each entry of axis {}, expected axis {outputs}, the outputs",
            weight.name, units.axis
        )),
    }
}

/// BatchNormalization with its running statistics.
pub fn batch_normalization(site: &mut Site<'_>) -> Reason<Made> {
    let (input, shape) = site.computed(0)?;
    let channels = shape.channels();
    let epsilon = f64::from(site.attributes.float("epsilon")?.unwrap_or(1e-5));
    site.attributes.ignore("momentum");
    site.attributes.require_int("training_mode", 0, 0)?;
    site.attributes.require_int("spatial", 1, 1)?;
    let vector = |index| per_channel(site.constant(index)?, channels);
    let (scale, offset, mean, variance) = (vector(1)?, vector(2)?, vector(3)?, vector(4)?);
    if let Some(bad) = variance.iter().find(|v| f64::from(**v) + epsilon <= 0.0) {
        return Err(format!("variance {bad} + epsilon {epsilon} is not positive"));
    }
    let mul: Vec<f64> = scale
        .iter()
        .zip(&variance)
        .map(|(scale, variance)| f64::from(*scale) / (f64::from(*variance) + epsilon).sqrt())
        .collect();
    let add = offset
        .iter()
        .zip(&mean)
        .zip(&mul)
        .map(|((offset, mean), mul)| f64::from(*offset) - f64::from(*mean) * mul)
        .collect();
    Ok(Made::layer(Op::Affine(Affine { mul, add }), vec![input], shape))
}

/// Relu.
pub fn relu(site: &mut Site<'_>) -> Reason<Made> {
    let (input, shape) = site.computed(0)?;
    Ok(Made::layer(Op::Relu, vec![input], shape))
}

/// LeakyRelu.
pub fn leaky_relu(site: &mut Site<'_>) -> Reason<Made> {
    let (input, shape) = site.computed(0)?;
    let slope = site.attributes.float("alpha")?.unwrap_or(0.01);
    if !(0.0..=1.0).contains(&slope) {
        return Err(format!("slope {slope}: from 0 to 1 is supported"));
    }
    Ok(Made::layer(Op::Curve(Curve::LeakyRelu { slope }), vec![input], shape))
}

/// Sigmoid.
pub fn sigmoid(site: &mut Site<'_>) -> Reason<Made> {
    let (input, shape) = site.computed(0)?;
    Ok(Made::layer(Op::Curve(Curve::Sigmoid), vec![input], shape))
}

/// A vector of one value per channel; a single value, or leading axes of length 1, are accepted.
fn per_channel(constant: &Constant, channels: usize) -> Reason<Vec<f32>> {
    let values = constant.as_floats()?;
    let vector = constant.dims.iter().rev().skip(1).all(|dim| *dim == 1);
    match values {
        [value] => Ok(vec![*value; channels]),
        _ if vector && values.len() == channels => Ok(values.to_vec()),
        _ => Err(format!("tensor {} {:?}, expected {channels} values", constant.name, constant.dims)),
    }
}

fn array2(constant: &Constant) -> Reason<Array2<f32>> {
    let values = constant.as_floats()?.to_vec();
    match constant.dims.as_slice() {
        &[rows, columns] if rows > 0 && columns > 0 => {
            Array2::from_shape_vec((rows, columns), values).map_err(|error| error.to_string())
        }
        dims => Err(format!("tensor {} {dims:?}, expected a matrix", constant.name)),
    }
}

fn array4(constant: &Constant) -> Reason<Array4<f32>> {
    let values = constant.as_floats()?.to_vec();
    match constant.dims.as_slice() {
        &[o, i, h, w] if o * i * h * w > 0 => {
            Array4::from_shape_vec((o, i, h, w), values).map_err(|error| error.to_string())
        }
        dims => Err(format!("tensor {} {dims:?}, expected [out, in, height, width]", constant.name)),
    }
}
