//! Readers of pools: the largest of two by two pixels, and the average over the whole map in its three spellings.

use super::Reason;
use super::graph::{Op, Shape};
use super::site::{Made, Site};

/// GlobalAveragePool.
pub fn global_average_pool(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, ..) = site.map(0)?;
    Ok(Made::layer(Op::GlobalAvgPool, vec![input], pixel(channels)))
}

/// AveragePool whose window is the whole map.
pub fn average_pool(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, height, width) = site.map(0)?;
    let kernel = site.attributes.ints("kernel_shape")?.unwrap_or_default();
    if kernel != [height as i64, width as i64] {
        return Err(format!("window {kernel:?}: only the whole map ([{height}, {width}]) is supported"));
    }
    unpadded(site)?;
    // One window, no padding: these cannot matter.
    ["strides", "ceil_mode", "count_include_pad"].iter().for_each(|name| site.attributes.ignore(name));
    Ok(Made::layer(Op::GlobalAvgPool, vec![input], pixel(channels)))
}

/// ReduceMean over rows and columns; without `keepdims` it makes a vector.
pub fn reduce_mean(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, ..) = site.map(0)?;
    let keep = site.attributes.int("keepdims")?.unwrap_or(1) != 0;
    site.attributes.require_int("noop_with_empty_axes", 0, 0)?;
    let attribute = site.attributes.ints("axes")?;
    let axes = match site.optional_constant(1)? {
        Some(axes) => axes.as_ints()?,
        None => attribute.unwrap_or_default(),
    };
    let mut axes: Vec<i64> = axes.iter().map(|axis| if *axis < 0 { axis + 4 } else { *axis }).collect();
    axes.sort_unstable();
    if axes != [2, 3] {
        return Err(format!("axes {axes:?}: only rows and columns, [2, 3], are supported"));
    }
    let shape = if keep { pixel(channels) } else { Shape::Vector(channels) };
    Ok(Made::layer(Op::GlobalAvgPool, vec![input], shape))
}

/// MaxPool of two by two pixels.
pub fn max_pool(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, height, width) = site.map(0)?;
    let kernel = site.attributes.ints("kernel_shape")?.unwrap_or_default();
    let strides = site.attributes.ints("strides")?.unwrap_or(&[1, 1]);
    if (kernel, strides) != (&[2, 2], &[2, 2]) {
        return Err(format!("window {kernel:?} at strides {strides:?}: only [2, 2] at [2, 2] is supported"));
    }
    unpadded(site)?;
    let even = height.is_multiple_of(2) && width.is_multiple_of(2);
    if even {
        site.attributes.ignore("ceil_mode");
    } else {
        site.attributes.require_int("ceil_mode", 0, 0)?;
    }
    // Of the places of the largest values, which nobody may ask for.
    site.attributes.ignore("storage_order");
    if height.min(width) < 2 {
        return Err("the map is smaller than the window".into());
    }
    let shape = Shape::Map { channels, height: height / 2, width: width / 2 };
    Ok(Made::layer(Op::MaxPool, vec![input], shape))
}

/// Takes what says that a window is padded or has gaps.
fn unpadded(site: &mut Site<'_>) -> Reason<()> {
    site.attributes.require_all("pads", 0)?;
    site.attributes.require_all("dilations", 1)?;
    match site.attributes.string("auto_pad")?.as_deref() {
        None | Some("NOTSET" | "VALID") => Ok(()),
        Some(mode) => Err(format!("auto_pad {mode}: only an unpadded window is supported")),
    }
}

fn pixel(channels: usize) -> Shape {
    Shape::Map { channels, height: 1, width: 1 }
}
