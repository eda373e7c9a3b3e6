//! Readers of QuantizeLinear and DequantizeLinear: levels of activations, integer weights and biases.
//!
//! Activations have one scale and zero point (UINT8, or INT8 moved up by 128), weights are INT8 with one scale for each
//! output or one for all, biases are INT32; both are symmetric: their zero point is 0.

use std::rc::Rc;

use super::Reason;
use super::constant::{Constant, IntegerKind, Units};
use super::graph::{Levels, Op};
use super::site::{Made, Site, Value};

/// Largest magnitude of an integer weight.
const MAX_WEIGHT: i64 = 127;

/// QuantizeLinear of a computed value, or of float weights.
pub fn quantize(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    let axis = axis(site)?;
    if let Value::Constant(weights) = site.value(0)? {
        let units = units(site, &weights, axis)?;
        let integers = weights.as_floats()?.iter().enumerate().map(|(at, w)| {
            let level = (w / units.scale_at(&weights.dims, at)).round_ties_even();
            level.clamp(-(MAX_WEIGHT as f32), MAX_WEIGHT as f32) as i64
        });
        let integers = Constant::int8(output, weights.dims.clone(), integers.collect());
        return Ok(Made::Same(Value::Constant(Rc::new(integers))));
    }
    let (input, _) = site.computed(0)?;
    Ok(Made::Same(Value::Integers(input, levels(site)?)))
}

/// DequantizeLinear of what QuantizeLinear made, or of integer weights or biases.
pub fn dequantize(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    let axis = axis(site)?;
    match site.value(0)? {
        Value::Integers(input, made) => {
            let read = levels(site)?;
            if read != made {
                return Err(format!(
                    "scale {} and zero point {}, but its QuantizeLinear has {} and {}",
                    read.scale, read.zero_point, made.scale, made.zero_point
                ));
            }
            let shape = site.shape(0).ok_or("input 0 is missing")?;
            Ok(Made::layer(Op::Quantise(made), vec![input], shape))
        }
        Value::Constant(constant) => {
            let real = dequantised(site, &constant, axis, output)?;
            Ok(Made::Same(Value::Constant(Rc::new(real))))
        }
        Value::Node(_) => Err("input 0 holds floats, expected what a QuantizeLinear makes".into()),
    }
}

/// The axis of scales; attributes of later operator sets must say nothing else.
fn axis(site: &mut Site<'_>) -> Reason<i64> {
    site.attributes.require_int("block_size", 0, 0)?;
    site.attributes.require_int("output_dtype", 0, 0)?;
    site.attributes.ignore("saturate");
    Ok(site.attributes.int("axis")?.unwrap_or(1))
}

/// Scale and zero point of an activation.
fn levels(site: &Site<'_>) -> Reason<Levels> {
    let constant = site.constant(1)?;
    let scale = match constant.as_floats()? {
        [scale] => positive(constant, *scale)?,
        scales => return Err(format!("{} scales, expected one: it holds for all channels", scales.len())),
    };
    let Some(constant) = site.optional_constant(2)? else { return Ok(Levels { scale, zero_point: 0 }) };
    let (values, kind) = constant.as_integers()?;
    let zero_point = match (values, kind) {
        ([zero], IntegerKind::U8) => *zero as u8,
        ([zero], IntegerKind::I8) => (*zero + 128) as u8,
        ([_], _) => return Err(format!("zero point of type {kind}, expected UINT8 or INT8")),
        _ => return Err(format!("{} zero points, expected one", values.len())),
    };
    Ok(Levels { scale, zero_point })
}

/// Integer weights (INT8) or biases (INT32) as real values.
fn dequantised(site: &Site<'_>, constant: &Constant, axis: i64, output: &str) -> Reason<Constant> {
    let (integers, kind) = constant.as_integers()?;
    match kind {
        IntegerKind::I8 | IntegerKind::I32 => {}
        _ => return Err(format!("tensor {}: type {kind}, expected INT8 or INT32", constant.name)),
    }
    if kind == IntegerKind::I8 && integers.iter().any(|q| q.abs() > MAX_WEIGHT) {
        return Err(format!("tensor {}: holds -128, expected weights within ±{MAX_WEIGHT}", constant.name));
    }
    let units = units(site, constant, axis)?;
    let reals = integers.iter().enumerate().map(|(at, q)| *q as f32 * units.scale_at(&constant.dims, at));
    let reals = reals.collect();
    Ok(Constant::dequantised(
        output,
        constant.dims.clone(),
        reals,
        (kind == IntegerKind::I8).then_some(units),
    ))
}

/// The scales of weights or biases, whose zero points must be 0.
fn units(site: &Site<'_>, constant: &Constant, axis: i64) -> Reason<Units> {
    let scales = site.constant(1)?;
    let values = scales.as_floats()?;
    values.iter().try_for_each(|scale| positive(scales, *scale).map(drop))?;
    if let Some(zeros) = site.optional_constant(2)?
        && let Some(zero) = zeros.as_integers()?.0.iter().find(|zero| **zero != 0)
    {
        return Err(format!("tensor {}: zero point {zero}, expected 0 (symmetric)", constant.name));
    }
    let rank = constant.dims.len();
    let place = if axis < 0 { axis + rank as i64 } else { axis };
    let place = usize::try_from(place).unwrap_or(rank);
    match values.len() {
        1 => Ok(Units { axis: place, scales: values.to_vec() }),
        count if constant.dims.get(place) == Some(&count) => {
            Ok(Units { axis: place, scales: values.to_vec() })
        }
        count => Err(format!(
            "tensor {} {:?}: {count} scales along axis {axis}, expected one for each entry or one for all",
            constant.name, constant.dims
        )),
    }
}

fn positive(scales: &Constant, scale: f32) -> Reason<f32> {
    if scale > 0.0 {
        Ok(scale)
    } else {
        Err(format!("tensor {}: scale {scale}, expected above 0", scales.name))
    }
}
