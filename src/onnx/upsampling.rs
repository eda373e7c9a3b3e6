//! Reader of Resize, as far as it doubles rows and columns by repeating the nearest pixel.

use super::Reason;
use super::graph::{MAX_SIDE, Op, Shape};
use super::site::{Made, Site};

/// Coordinate transformations and roundings that give every pixel of a map to two by two of the doubled map.
const DOUBLING: [(&str, &str); 6] = [
    ("asymmetric", "floor"),
    ("asymmetric", "round_prefer_floor"),
    ("half_pixel", "round_prefer_floor"),
    ("half_pixel", "round_prefer_ceil"),
    ("pytorch_half_pixel", "round_prefer_floor"),
    ("pytorch_half_pixel", "round_prefer_ceil"),
];

/// Resize of a map to twice its rows and columns.
pub fn resize(site: &mut Site<'_>) -> Reason<Made> {
    let (input, channels, height, width) = site.map(0)?;
    // Operator set 10 has scales behind the map, rounds down and knows no other coordinates.
    let oldest = site.inputs() == 2;
    check_mode(site, oldest)?;
    let axes = site.attributes.ints("axes")?.unwrap_or(&[0, 1, 2, 3]).to_vec();
    let doubled = [1, channels, 2 * height, 2 * width];
    let (scales, sizes) = if oldest { (1, 3) } else { (2, 3) };
    let given = |index| Ok::<_, String>(site.optional_constant(index)?.filter(|c| c.dims != [0]));
    let doubles = match (given(scales)?, given(sizes)?) {
        (Some(scales), None) => along(&axes, scales.as_floats()?, |axis, s| *s == [1.0, 1.0, 2.0, 2.0][axis]),
        (None, Some(sizes)) => {
            along(&axes, sizes.as_ints()?, |axis, s| axis == 0 || *s == doubled[axis] as i64)
        }
        _ => return Err("expected either scales or sizes".into()),
    };
    if !doubles {
        return Err("only twice as many rows and columns are supported".into());
    }
    if 2 * height.max(width) > MAX_SIDE {
        return Err(format!("the result has a side above {MAX_SIDE}"));
    }
    let shape = Shape::Map { channels, height: 2 * height, width: 2 * width };
    Ok(Made::layer(Op::Upsample, vec![input], shape))
}

/// Takes the attributes that say how a pixel is found.
fn check_mode(site: &mut Site<'_>, oldest: bool) -> Reason<()> {
    let attributes = &mut site.attributes;
    let mut text = |name: &str, default: &str| -> Reason<String> {
        Ok(attributes.string(name)?.unwrap_or_else(|| default.to_owned()))
    };
    let mode = text("mode", "nearest")?;
    let defaults = if oldest { DOUBLING[0] } else { ("half_pixel", "round_prefer_floor") };
    let coordinates = text("coordinate_transformation_mode", defaults.0)?;
    let rounding = text("nearest_mode", defaults.1)?;
    if mode != "nearest" {
        return Err(format!("mode {mode}: only nearest is supported"));
    }
    if !DOUBLING.contains(&(coordinates.as_str(), rounding.as_str())) {
        return Err(format!(
            "coordinates {coordinates} with rounding {rounding}: only asymmetric with floor, or what gives the same, is \
             supported"
        ));
    }
    attributes.require_int("antialias", 0, 0)?;
    // Of no meaning for the nearest pixel at a given scale.
    let others = ["cubic_coeff_a", "exclude_outside", "extrapolation_value", "keep_aspect_ratio_policy"];
    others.iter().for_each(|name| attributes.ignore(name));
    Ok(())
}

/// Whether there is one value for each of the axes, which hold rows and columns, and all of them are right.
fn along<T>(axes: &[i64], values: &[T], right: impl Fn(usize, &T) -> bool) -> bool {
    let place =
        |axis: &i64| usize::try_from(if *axis < 0 { axis + 4 } else { *axis }).ok().filter(|a| *a < 4);
    let Some(places) = axes.iter().map(place).collect::<Option<Vec<usize>>>() else { return false };
    let complete = places.len() == values.len() && places.contains(&2) && places.contains(&3);
    complete && places.iter().zip(values).all(|(axis, value)| right(*axis, value))
}
