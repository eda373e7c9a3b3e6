//! The float graph: the few layers that residual networks and U-Nets are made of, with their weights, in execution order.

use std::fmt;

use ndarray::{Array2, Array4};

use super::error::OnnxError;

/// Index of a node in [`Graph::nodes`]; also names the value that the node makes.
pub type NodeId = usize;

/// Longest side and largest channel count of a map that the model format can hold.
pub const MAX_SIDE: usize = u16::MAX as usize;

/// Shape of one sample's value; the batch axis is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Channels, height and width of a feature map (`[N, C, H, W]` in ONNX).
    Map {
        /// Channels.
        channels: usize,
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
    },
    /// Features of a vector (`[N, F]` in ONNX).
    Vector(usize),
}

impl Shape {
    /// Length of the axis that follows the batch axis.
    pub fn channels(self) -> usize {
        match self {
            Shape::Map { channels, .. } => channels,
            Shape::Vector(features) => features,
        }
    }

    /// Values in one sample.
    pub fn len(self) -> usize {
        match self {
            Shape::Map { channels, height, width } => channels * height * width,
            Shape::Vector(features) => features,
        }
    }

    /// True when no value is held; the reader makes no such shape.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shape::Map { channels, height, width } => write!(f, "[N, {channels}, {height}, {width}]"),
            Shape::Vector(features) => write!(f, "[N, {features}]"),
        }
    }
}

/// Padding of a map, in pixels: with zeros, or with the pixels inside, mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Padding {
    /// Rows above.
    pub top: usize,
    /// Columns to the left.
    pub left: usize,
    /// Rows below.
    pub bottom: usize,
    /// Columns to the right.
    pub right: usize,
    /// Pixel -i is pixel i, the outermost is not repeated.
    pub mirrored: bool,
}

impl Padding {
    /// Whether it adds nothing.
    pub fn is_empty(self) -> bool {
        [self.top, self.left, self.bottom, self.right] == [0; 4]
    }

    /// Both paddings, one around the other; none if that is not one padding.
    pub fn around(self, inner: Padding) -> Option<Padding> {
        if inner.is_empty() || self.is_empty() {
            return Some(if inner.is_empty() { self } else { inner });
        }
        let zeros = !self.mirrored && !inner.mirrored;
        zeros.then(|| Padding {
            top: self.top + inner.top,
            left: self.left + inner.left,
            bottom: self.bottom + inner.bottom,
            right: self.right + inner.right,
            mirrored: false,
        })
    }
}

/// Convolution (group 1, dilation 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// Weights, `[out, in, kernel height, kernel width]`.
    pub weight: Array4<f32>,
    /// One per output channel.
    pub bias: Vec<f32>,
    /// Step down and to the right.
    pub strides: (usize, usize),
    /// Padding of the input.
    pub padding: Padding,
    /// One per output channel, where the file gives integer weights: each weight is a multiple of it within ±127.
    pub units: Option<Vec<f32>>,
}

/// Fully connected layer: `y = W x + b`.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense {
    /// Weights, `[out, in]`; `in` in ONNX order (channel, row, column) when the input is a flattened map.
    pub weight: Array2<f32>,
    /// One per output.
    pub bias: Vec<f32>,
    /// One per output, where the file gives integer weights: each weight is a multiple of it within ±127.
    pub units: Option<Vec<f32>>,
}

/// Levels that a file gives for an activation: `scale * (u - zero_point)` for u in 0..=255, and nothing between.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Levels {
    /// Real value of one level, positive and finite.
    pub scale: f32,
    /// The level that stands for zero.
    pub zero_point: u8,
}

/// `y = mul[c] x + add[c]` for channel c: batch normalisation, or normalisation by constants.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Factor of each channel.
    pub mul: Vec<f64>,
    /// Offset of each channel.
    pub add: Vec<f64>,
}

impl Affine {
    /// `y = x` on `channels` channels.
    pub fn identity(channels: usize) -> Self {
        Self { mul: vec![1.0; channels], add: vec![0.0; channels] }
    }

    /// `next(self(x))`; both must have the same number of channels.
    pub fn then(&self, next: &Affine) -> Affine {
        let mul = self.mul.iter().zip(&next.mul).map(|(a, b)| a * b).collect();
        let add = self.add.iter().zip(&next.mul).zip(&next.add).map(|((a, m), b)| a * m + b).collect();
        Affine { mul, add }
    }
}

/// A function of one value that is no straight line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// `x` from 0 on, below it `slope x`.
    LeakyRelu {
        /// Between 0 and 1.
        slope: f32,
    },
    /// `1 / (1 + exp(-x))`.
    Sigmoid,
}

impl Curve {
    /// The function's value.
    pub fn at(self, x: f64) -> f64 {
        match self {
            Self::LeakyRelu { slope } => x.max(0.0) + f64::from(slope) * x.min(0.0),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        }
    }
}

/// What a node computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// The image: a map of real values. Always node 0, and only node 0.
    Input,
    /// See [`Conv`].
    Conv(Conv),
    /// See [`Dense`].
    Dense(Dense),
    /// See [`Affine`].
    Affine(Affine),
    /// See [`Padding`].
    Pad(Padding),
    /// `max(x, 0)`.
    Relu,
    /// Each value by itself.
    Curve(Curve),
    /// Sum of two values of one shape.
    Add,
    /// Mean over rows and columns; the result is a map of one pixel.
    GlobalAvgPool,
    /// Largest of each two by two pixels; a last odd row or column is left out.
    MaxPool,
    /// Each pixel becomes two by two.
    Upsample,
    /// Channels of two maps, side by side.
    Concat,
    /// Map to vector, in order channel, row, column.
    Flatten,
    /// Rounded to levels: a QuantizeLinear and the DequantizeLinear behind it.
    Quantise(Levels),
}

/// One layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Name of the ONNX node (its first output where the node has no name).
    pub name: String,
    /// ONNX operator, for messages.
    pub op_type: String,
    /// Names of the ONNX nodes folded into this one.
    pub absorbed: Vec<String>,
    /// Name of the ONNX value this node makes.
    pub value: String,
    /// What it computes.
    pub op: Op,
    /// The nodes it reads; all have smaller indices.
    pub inputs: Vec<NodeId>,
    /// Shape of the value it makes.
    pub shape: Shape,
}

/// A float network from one image to one output, every node needed for that output.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// Nodes in execution order; the first is the input.
    pub nodes: Vec<Node>,
    /// The node whose value is the network's output.
    pub output: NodeId,
}

impl Node {
    /// Takes the place of `other`, the only reader of this node: its name is kept on record, its value made here.
    pub fn absorb(&mut self, other: &Node) {
        self.absorbed.push(other.name.clone());
        self.absorbed.extend(other.absorbed.iter().cloned());
        self.value.clone_from(&other.value);
        self.shape = other.shape;
    }
}

impl Graph {
    /// How many nodes read each node's value; the network's output counts as one more reader.
    pub fn readers(&self) -> Vec<usize> {
        let mut readers = vec![0; self.nodes.len()];
        for input in self.nodes.iter().flat_map(|node| &node.inputs) {
            readers[*input] += 1;
        }
        readers[self.output] += 1;
        readers
    }

    /// An error about one node.
    pub fn unsupported(&self, id: NodeId, reason: impl Into<String>) -> OnnxError {
        let node = &self.nodes[id];
        let shapes: Vec<String> =
            node.inputs.iter().map(|input| self.nodes[*input].shape.to_string()).collect();
        OnnxError::Unsupported {
            node: node.name.clone(),
            op: node.op_type.clone(),
            shape: shapes.join(" and "),
            reason: reason.into(),
        }
    }

    /// The graph without the nodes that its output does not depend on. The input node stays.
    pub fn pruned(self) -> Graph {
        let mut needed = vec![false; self.nodes.len()];
        needed[0] = true;
        needed[self.output] = true;
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if needed[id] {
                node.inputs.iter().for_each(|input| needed[*input] = true);
            }
        }
        let mut renumbered = vec![0; self.nodes.len()];
        let mut nodes = Vec::new();
        for (id, mut node) in self.nodes.into_iter().enumerate() {
            if needed[id] {
                renumbered[id] = nodes.len();
                node.inputs.iter_mut().for_each(|input| *input = renumbered[*input]);
                nodes.push(node);
            }
        }
        Graph { output: renumbered[self.output], nodes }
    }
}
