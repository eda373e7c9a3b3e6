//! Readers of element-wise arithmetic: the residual sum, and scaling by constants per channel.

use super::Reason;
use super::constant::Constant;
use super::graph::{Affine, NodeId, Op, Shape};
use super::site::{Made, Site, Value};

/// Sum of two computed values, or of one and a constant.
pub fn add(site: &mut Site<'_>) -> Reason<Made> {
    if let (Value::Node(_), Value::Node(_)) = (site.value(0)?, site.value(1)?) {
        let ((a, shape), (b, other)) = (site.computed(0)?, site.computed(1)?);
        if shape != other {
            return Err("the shapes differ; broadcasting between computed values is not supported".into());
        }
        return Ok(Made::layer(Op::Add, vec![a, b], shape));
    }
    let operands = Operands::of(site)?;
    operands.affine(|c| (1.0, c))
}

/// Difference of a computed value and a constant, in either order.
pub fn sub(site: &mut Site<'_>) -> Reason<Made> {
    let operands = Operands::of(site)?;
    if operands.constant_first { operands.affine(|c| (-1.0, c)) } else { operands.affine(|c| (1.0, -c)) }
}

/// Product of a computed value and a constant.
pub fn mul(site: &mut Site<'_>) -> Reason<Made> {
    Operands::of(site)?.affine(|c| (c, 0.0))
}

/// Quotient of a computed value by a constant.
pub fn div(site: &mut Site<'_>) -> Reason<Made> {
    let operands = Operands::of(site)?;
    if operands.constant_first {
        return Err("a constant divided by a computed value".into());
    }
    if operands.constants.contains(&0.0) {
        return Err("division by zero".into());
    }
    operands.affine(|c| (1.0 / c, 0.0))
}

/// A computed value and a constant for each of its channels.
struct Operands {
    input: NodeId,
    shape: Shape,
    constants: Vec<f64>,
    constant_first: bool,
}

impl Operands {
    fn of(site: &Site<'_>) -> Reason<Self> {
        let (constant_first, at) = match (site.value(0)?, site.value(1)?) {
            (Value::Node(_), Value::Constant(_)) => (false, 0),
            (Value::Constant(_), Value::Node(_)) => (true, 1),
            (Value::Node(_), Value::Node(_)) => {
                return Err("both operands are computed from the image".into());
            }
            (Value::Constant(_), Value::Constant(_)) => return Err("both operands are constants".into()),
            (Value::Integers(..), _) | (_, Value::Integers(..)) => {
                return Err("an operand holds the integers of a QuantizeLinear".into());
            }
        };
        let (input, shape) = site.computed(at)?;
        let constants = per_channel(site.constant(1 - at)?, shape)?;
        Ok(Self { input, shape, constants, constant_first })
    }

    /// The layer `mul x + add` with (mul, add) made from each constant.
    fn affine(self, parts: impl Fn(f64) -> (f64, f64)) -> Reason<Made> {
        let (mul, add) = self.constants.iter().map(|c| parts(*c)).unzip();
        Ok(Made::layer(Op::Affine(Affine { mul, add }), vec![self.input], self.shape))
    }
}

/// The constant broadcast against `[N, C, H, W]` or `[N, F]`; it may vary along the channels only.
fn per_channel(constant: &Constant, shape: Shape) -> Reason<Vec<f64>> {
    let values = constant.as_floats()?;
    let after_channels = match shape {
        Shape::Map { .. } => 2,
        Shape::Vector(_) => 0,
    };
    let varying: Vec<(usize, usize)> =
        constant.dims.iter().rev().copied().enumerate().filter(|(_, dim)| *dim != 1).collect();
    match (varying.as_slice(), values) {
        ([], [value]) => Ok(vec![f64::from(*value); shape.channels()]),
        ([(axis, dim)], _) if *axis == after_channels && *dim == shape.channels() => {
            Ok(values.iter().map(|v| f64::from(*v)).collect())
        }
        _ => Err(format!(
            "constant {} {:?}: expected one value, or one per channel",
            constant.name, constant.dims
        )),
    }
}
