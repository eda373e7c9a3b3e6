//! Arithmetic on shapes, known at compile time but for the batch axis: `x.view(x.size(0), -1)` as exporters write it.

use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;

use super::Reason;
use super::constant::Constant;
use super::graph::Shape;
use super::site::{Made, Site, Value};

/// The length of the batch axis in a shape; no real length has this value.
pub const BATCH: i64 = i64::MIN;

/// Shape of a computed value.
pub fn shape(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    let dims = match site.computed(0)?.1 {
        Shape::Map { channels, height, width } => vec![BATCH, channels as i64, height as i64, width as i64],
        Shape::Vector(features) => vec![BATCH, features as i64],
    };
    let place = |at: i64| wrap(at, dims.len()).clamp(0, dims.len() as i64) as usize;
    let start = place(site.attributes.int("start")?.unwrap_or(0));
    let end = place(site.attributes.int("end")?.unwrap_or(dims.len() as i64));
    known(output, dims.get(start..end).unwrap_or_default().to_vec(), false)
}

/// Gather of entries of a shape.
pub fn gather(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    site.attributes.require_int("axis", 0, 0)?;
    let (data, indices) = (site.constant(0)?, site.constant(1)?);
    let entries = vector(data)?;
    let entry = |index: &i64| {
        let at = usize::try_from(wrap(*index, entries.len())).ok();
        at.and_then(|at| entries.get(at))
            .copied()
            .ok_or_else(|| format!("index {index} of {} entries", entries.len()))
    };
    let found = indices.as_ints()?.iter().map(entry).collect::<Reason<_>>()?;
    known(output, found, indices.dims.is_empty())
}

/// Unsqueeze of one number to a vector.
pub fn unsqueeze(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    let attribute = site.attributes.ints("axes")?;
    let number = site.constant(0)?;
    let axes = match site.optional_constant(1)? {
        Some(axes) => axes.as_ints()?,
        None => attribute.unwrap_or_default(),
    };
    if !number.dims.is_empty() || !matches!(axes, [0 | -1]) {
        return Err(format!(
            "axes {axes:?} of shape {:?}: only a number to a vector is supported",
            number.dims
        ));
    }
    known(output, number.as_ints()?.to_vec(), false)
}

/// Concat of vectors of constants.
pub fn concat(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    match site.attributes.int("axis")? {
        Some(0 | -1) => {}
        axis => return Err(format!("axis {axis:?} of vectors: only 0 is supported")),
    }
    let parts = (0..site.inputs()).map(|index| vector(site.constant(index)?)).collect::<Reason<Vec<_>>>()?;
    known(output, parts.concat(), false)
}

/// Cast of integers to integers, or of the computed floats to float.
pub fn cast(site: &mut Site<'_>) -> Reason<Made> {
    let to = site.attributes.int("to")?.unwrap_or_default();
    site.attributes.ignore("saturate");
    let value = site.value(0)?;
    let kinds: &[DataType] = match &value {
        Value::Node(_) | Value::Integers(..) => &[DataType::Float],
        Value::Constant(constant) => {
            constant.as_ints()?;
            &[DataType::Int32, DataType::Int64]
        }
    };
    if kinds.iter().any(|kind| *kind as i64 == to) {
        return Ok(Made::Same(value));
    }
    Err(format!(
        "to data type {to}: only {} is supported",
        kinds.iter().map(|k| k.as_str_name()).collect::<Vec<_>>().join(" or ")
    ))
}

/// Negative positions count from the end.
fn wrap(at: i64, length: usize) -> i64 {
    if at < 0 { at.saturating_add(length as i64) } else { at }
}

fn vector(constant: &Constant) -> Reason<&[i64]> {
    match constant.dims.as_slice() {
        [_] => constant.as_ints(),
        dims => Err(format!("tensor {} {dims:?}, expected a vector", constant.name)),
    }
}

fn known(output: &str, values: Vec<i64>, scalar: bool) -> Reason<Made> {
    Ok(Made::Same(Value::Constant(Rc::new(Constant::ints(output, values, scalar)))))
}
