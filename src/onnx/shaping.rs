//! Readers of nodes that compute nothing: reshaping to a vector, padding, joining, constants, dropout.

use std::rc::Rc;

use super::Reason;
use super::constant::Constant;
use super::dimensions::BATCH;
use super::graph::{MAX_SIDE, Op, Padding, Shape};
use super::site::{Made, Site, Value};

/// Flatten of everything but the batch axis.
pub fn flatten(site: &mut Site<'_>) -> Reason<Made> {
    let axis = site.attributes.int("axis")?.unwrap_or(1);
    let rank = match site.computed(0)?.1 {
        Shape::Map { .. } => 4,
        Shape::Vector(_) => 2,
    };
    if axis != 1 && axis != 1 - rank {
        return Err(format!("axis {axis}: only 1 is supported"));
    }
    to_vector(site)
}

/// Reshape to `[N, F]`.
pub fn reshape(site: &mut Site<'_>) -> Reason<Made> {
    let (_, shape) = site.computed(0)?;
    site.attributes.require_int("allowzero", 0, 0)?;
    let target = site.constant(1)?.as_ints()?;
    let features = shape.len() as i64;
    match *target {
        [0 | 1 | BATCH, -1] => to_vector(site),
        [-1..=1 | BATCH, found] if found == features => to_vector(site),
        [-1..=1 | BATCH, 0] if shape.channels() as i64 == features => to_vector(site),
        _ => Err(format!("to {target:?}: only [N, {features}] is supported")),
    }
}

/// Squeeze of rows and columns of length 1.
pub fn squeeze(site: &mut Site<'_>) -> Reason<Made> {
    let (_, _, height, width) = site.map(0)?;
    let attribute = site.attributes.ints("axes")?;
    let axes = match site.optional_constant(1)? {
        Some(axes) => axes.as_ints()?,
        None => attribute.unwrap_or_default(),
    };
    let mut axes: Vec<i64> = axes.iter().map(|axis| if *axis < 0 { axis + 4 } else { *axis }).collect();
    axes.sort_unstable();
    if axes != [2, 3] || (height, width) != (1, 1) {
        return Err(format!("axes {axes:?}: only rows and columns of length 1, [2, 3], are supported"));
    }
    to_vector(site)
}

fn to_vector(site: &Site<'_>) -> Reason<Made> {
    match site.computed(0)? {
        (input, Shape::Vector(_)) => Ok(Made::Same(Value::Node(input))),
        (input, shape) => Ok(Made::layer(Op::Flatten, vec![input], Shape::Vector(shape.len()))),
    }
}

/// Pad with zeros or mirrored pixels, rows and columns only. The layer's reader limits the size, here it is what one byte holds.
pub fn pad(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, height, width) = site.map(0)?;
    let mirrored = match site.attributes.string("mode")?.as_deref() {
        None | Some("constant") => false,
        Some("reflect") => true,
        Some(mode) => return Err(format!("mode {mode}: only constant and reflect are supported")),
    };
    let attribute_value = site.attributes.float("value")?.unwrap_or(0.0);
    let attribute_pads = site.attributes.ints("pads")?;
    let pads = match site.optional_constant(1)? {
        Some(pads) => pads.as_ints()?,
        None => attribute_pads.unwrap_or_default(),
    };
    let value = match site.optional_constant(2)? {
        Some(value) => value.as_floats()?.first().copied().unwrap_or(0.0),
        None => attribute_value,
    };
    if value != 0.0 {
        return Err(format!("pads with {value}: only 0 is supported"));
    }
    let axes = site.optional_constant(3)?.map(|axes| axes.as_ints()).transpose()?;
    let padding = Padding { mirrored, ..spatial(pads, axes.unwrap_or(&[0, 1, 2, 3]))? };
    let all_inside = padding.top.max(padding.bottom) < height && padding.left.max(padding.right) < width;
    if mirrored && !all_inside {
        return Err(format!("mirrors more pixels than the {height}x{width} map has inside"));
    }
    let shape = Shape::Map {
        channels,
        height: height + padding.top + padding.bottom,
        width: width + padding.left + padding.right,
    };
    Ok(Made::layer(Op::Pad(padding), vec![input], shape))
}

/// Begins, then ends, of the listed axes; those of batch and channels must be zero.
fn spatial(pads: &[i64], axes: &[i64]) -> Reason<Padding> {
    let wrong = || format!("pads {pads:?} of axes {axes:?}: only 0 to 255 rows and columns are supported");
    if pads.len() != 2 * axes.len() {
        return Err(wrong());
    }
    let mut padding = Padding::default();
    let (begins, ends) = pads.split_at(axes.len());
    for (axis, (begin, end)) in axes.iter().zip(begins.iter().zip(ends)) {
        let small = |pad: &i64| u8::try_from(*pad).map(usize::from).map_err(|_| wrong());
        let (begin, end) = (small(begin)?, small(end)?);
        match axis {
            2 | -2 => (padding.top, padding.bottom) = (begin, end),
            3 | -1 => (padding.left, padding.right) = (begin, end),
            _ if (begin, end) == (0, 0) => {}
            _ => return Err(wrong()),
        }
    }
    Ok(padding)
}

/// Concat of the channels of two maps.
pub fn concat(site: &mut Site<'_>) -> Reason<Made> {
    let axis = site.attributes.int("axis")?;
    if !matches!(axis, Some(1 | -3)) {
        return Err(format!("axis {axis:?} of maps: only channels, 1, are supported"));
    }
    if site.inputs() != 2 {
        return Err(format!("{} maps: only two are supported", site.inputs()));
    }
    let ((a, first, height, width), (b, second, rows, columns)) = (site.map(0)?, site.map(1)?);
    if (height, width) != (rows, columns) {
        return Err("rows and columns differ".into());
    }
    if first + second > MAX_SIDE {
        return Err(format!("{} channels: at most {MAX_SIDE} are supported", first + second));
    }
    let shape = Shape::Map { channels: first + second, height, width };
    Ok(Made::layer(Op::Concat, vec![a, b], shape))
}

/// Dropout outside training: the value itself.
pub fn dropout(site: &mut Site<'_>) -> Reason<Made> {
    site.attributes.ignore("ratio");
    site.attributes.ignore("seed");
    if let Some(training) = site.optional_constant(2)?
        && training.as_ints()?.iter().any(|flag| *flag != 0)
    {
        return Err("is in training mode".into());
    }
    site.value(0).map(Made::Same)
}

/// Constant, in the spellings that hold numbers.
pub fn constant(site: &mut Site<'_>, output: &str) -> Reason<Made> {
    let attributes = &mut site.attributes;
    let constant = if let Some(tensor) = attributes.tensor("value")? {
        Constant::decode(output, tensor)?
    } else if let Some(value) = attributes.float("value_float")? {
        Constant::floats(output, vec![value], true)
    } else if let Some(values) = attributes.floats("value_floats")? {
        Constant::floats(output, values.to_vec(), false)
    } else if let Some(value) = attributes.int("value_int")? {
        Constant::ints(output, vec![value], true)
    } else if let Some(values) = attributes.ints("value_ints")? {
        Constant::ints(output, values.to_vec(), false)
    } else {
        return Err("holds neither numbers nor a tensor of numbers".into());
    };
    Ok(Made::Same(Value::Constant(Rc::new(constant))))
}
