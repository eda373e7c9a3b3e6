//! What the reader of one node sees, and what it makes.

use std::rc::Rc;

use tract_onnx::pb::NodeProto;

use super::Reason;
use super::attributes::Attributes;
use super::constant::Constant;
use super::graph::{Levels, NodeId, Op, Shape};

/// What a name in the file stands for.
#[derive(Clone, Debug)]
pub enum Value {
    /// Known at compile time.
    Constant(Rc<Constant>),
    /// Computed from the image.
    Node(NodeId),
    /// What QuantizeLinear makes of a computed value: integers that only DequantizeLinear may read.
    Integers(NodeId, Levels),
}

/// What a node of the file turns into.
pub enum Made {
    /// A layer.
    Layer {
        /// What it computes.
        op: Box<Op>,
        /// From what.
        inputs: Vec<NodeId>,
        /// Into what.
        shape: Shape,
    },
    /// Nothing: another name of a value.
    Same(Value),
}

impl Made {
    /// A layer.
    pub fn layer(op: Op, inputs: Vec<NodeId>, shape: Shape) -> Self {
        Self::Layer { op: Box::new(op), inputs, shape }
    }
}

/// One node of the file with everything its reader may look at.
pub struct Site<'a> {
    /// Its attributes.
    pub attributes: Attributes<'a>,
    inputs: Vec<Input>,
}

/// A value with its shape, if it is computed; none for an optional input that is left out.
pub type Input = Option<(Value, Option<Shape>)>;

impl<'a> Site<'a> {
    /// The site of `proto` with the values its inputs stand for.
    pub fn new(proto: &'a NodeProto, inputs: Vec<Input>) -> Self {
        Self { attributes: Attributes::of(proto), inputs }
    }

    /// Shape of the computed value at `index`.
    pub fn shape(&self, index: usize) -> Option<Shape> {
        self.inputs.get(index)?.as_ref()?.1
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.inputs.len()
    }

    /// The value at `index`.
    pub fn value(&self, index: usize) -> Reason<Value> {
        self.optional(index).cloned().ok_or_else(|| format!("input {index} is missing"))
    }

    fn optional(&self, index: usize) -> Option<&Value> {
        self.inputs.get(index)?.as_ref().map(|(value, _)| value)
    }

    /// Whether the value at `index` is computed from the image.
    pub fn is_computed(&self, index: usize) -> bool {
        matches!(self.optional(index), Some(Value::Node(_)))
    }

    /// The computed value at `index` and its shape.
    pub fn computed(&self, index: usize) -> Reason<(NodeId, Shape)> {
        match self.inputs.get(index) {
            Some(Some((Value::Node(id), Some(shape)))) => Ok((*id, *shape)),
            Some(Some((Value::Integers(..), _))) => Err(format!(
                "input {index} holds the integers of a QuantizeLinear; expected a DequantizeLinear between"
            )),
            Some(Some(_)) => {
                Err(format!("input {index} is a constant, expected a value computed from the image"))
            }
            _ => Err(format!("input {index} is missing")),
        }
    }

    /// The computed map at `index`: node, channels, height, width.
    pub fn map(&self, index: usize) -> Reason<(NodeId, usize, usize, usize)> {
        match self.computed(index)? {
            (id, Shape::Map { channels, height, width }) => Ok((id, channels, height, width)),
            (_, shape) => Err(format!("expected a map [N, C, H, W], found {shape}")),
        }
    }

    /// The constant at `index`, if the input is given.
    pub fn optional_constant(&self, index: usize) -> Reason<Option<&Constant>> {
        match self.optional(index) {
            None => Ok(None),
            Some(Value::Constant(constant)) => Ok(Some(constant)),
            Some(Value::Node(_) | Value::Integers(..)) => {
                Err(format!("input {index} is computed from the image, expected a constant"))
            }
        }
    }

    /// The constant at `index`.
    pub fn constant(&self, index: usize) -> Reason<&Constant> {
        self.optional_constant(index)?.ok_or_else(|| format!("input {index} is missing"))
    }

    /// Shapes of the computed inputs, for messages.
    pub fn shapes(&self) -> String {
        let shapes: Vec<String> =
            self.inputs.iter().flatten().filter_map(|(_, shape)| shape.map(|s| s.to_string())).collect();
        if shapes.is_empty() { "constants only".to_owned() } else { shapes.join(" and ") }
    }
}
