//! The layers of the integer model, still with float weights: what is fused with what, and what reads what.

use ndarray::Array4;
use ringfence_runtime::format::layout::CHANNEL_GROUP;

use crate::onnx::{Conv, Curve, Dense, Levels, Padding};

/// Index into [`Network::tensors`].
pub type TensorId = usize;

/// An activation that will be stored as u8.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// Channels.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Pixels around it that some layer's windows reach.
    pub border: usize,
    /// Whether they mirror the pixels inside, else they are zeros.
    pub mirrored: bool,
    /// Name of the ONNX value it stands for.
    pub value: String,
    /// The levels that the file gives for it, if it does.
    pub levels: Option<Levels>,
}

impl Activation {
    /// Bytes as stored: channels rounded up to a multiple of four, border included.
    pub fn bytes(&self) -> usize {
        let stored = self.channels.next_multiple_of(CHANNEL_GROUP);
        (self.height + 2 * self.border) * (self.width + 2 * self.border) * stored
    }
}

/// A convolution kernel with its geometry; a dense layer is one whose kernel covers the whole map.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// `[out, kernel row, kernel column, in]`.
    pub weight: Array4<f32>,
    /// One per output.
    pub bias: Vec<f32>,
    /// One per output, where the file gives integer weights: each weight is a multiple of it within ±127.
    pub units: Option<Vec<f32>>,
    /// Step down and to the right.
    pub strides: (usize, usize),
    /// Padding of the input.
    pub padding: Padding,
}

impl Window {
    /// That of a convolution.
    pub fn conv(conv: &Conv) -> Self {
        let weight = conv.weight.view().permuted_axes([0, 2, 3, 1]).as_standard_layout().into_owned();
        let (bias, units) = (conv.bias.clone(), conv.units.clone());
        Self { weight, bias, units, strides: conv.strides, padding: conv.padding }
    }

    /// That of a dense layer over `input`. ONNX flattens a map in order channel, row, column; here channels come last.
    pub fn dense(dense: &Dense, input: &Activation) -> Self {
        let (height, width, channels) = (input.height, input.width, input.channels);
        let weight =
            Array4::from_shape_fn((dense.weight.nrows(), height, width, channels), |(out, y, x, c)| {
                dense.weight[[out, (c * height + y) * width + x]]
            });
        let (bias, units) = (dense.bias.clone(), dense.units.clone());
        Self { weight, bias, units, strides: (1, 1), padding: Padding::default() }
    }
}

/// What a layer computes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Convolution, plus another activation if there is a residual.
    Conv {
        /// The kernel.
        window: Window,
        /// Added to the result before the ReLU.
        residual: Option<TensorId>,
    },
    /// Sum with a second activation, or the activation itself (for a ReLU that could not be fused).
    Add {
        /// The second operand.
        other: Option<TensorId>,
    },
    /// Mean over rows and columns.
    GlobalAvgPool,
    /// Largest of each two by two pixels.
    MaxPool,
    /// Channels side by side, pixels of the smaller maps repeated; or one map, each pixel repeated.
    Join {
        /// The second operand.
        other: Option<TensorId>,
    },
    /// Each value by itself.
    Lookup {
        /// The function.
        curve: Curve,
    },
    /// The dense layer at the end.
    Logits {
        /// Kernel over the whole map, without padding.
        window: Window,
    },
}

/// One integer operation.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// Name of the ONNX node that gives the layer its weights or its kind.
    pub name: String,
    /// Names of the ONNX nodes folded or fused into it.
    pub absorbed: Vec<String>,
    /// What it computes.
    pub kind: Kind,
    /// Clamped at zero from below.
    pub relu: bool,
    /// What it reads.
    pub input: TensorId,
    /// What it writes; none for the logits.
    pub output: Option<TensorId>,
}

impl Layer {
    /// The tensor that it adds to its result.
    pub fn residual(&self) -> Option<TensorId> {
        match self.kind {
            Kind::Conv { residual, .. } => residual,
            Kind::Add { other } => other,
            Kind::GlobalAvgPool
            | Kind::MaxPool
            | Kind::Join { .. }
            | Kind::Lookup { .. }
            | Kind::Logits { .. } => None,
        }
    }

    /// All tensors it reads.
    pub fn reads(&self) -> impl Iterator<Item = TensorId> + use<> {
        let second = match self.kind {
            Kind::Join { other } => other,
            _ => self.residual(),
        };
        [Some(self.input), second].into_iter().flatten()
    }
}

/// What a network ends with.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// Logits: the classifier.
    Logits {
        /// Name of the ONNX value that holds them.
        value: String,
        /// The levels that the file gives for them, if it does.
        levels: Option<Levels>,
        /// How many there are.
        classes: usize,
    },
    /// The tensor that the last layer writes: a mask network.
    Mask,
}

/// The whole network. Tensor 0 is the normalised image.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// All activations.
    pub tensors: Vec<Activation>,
    /// Layers in execution order; the last one makes the logits or the mask.
    pub layers: Vec<Layer>,
    /// What it ends with.
    pub end: End,
}

impl Network {
    /// Number of classes; none of a mask network.
    pub fn classes(&self) -> usize {
        match self.end {
            End::Logits { classes, .. } => classes,
            End::Mask => 0,
        }
    }

    /// The ONNX value that holds the logits; none of a mask network.
    pub fn logits(&self) -> Option<&str> {
        match &self.end {
            End::Logits { value, .. } => Some(value),
            End::Mask => None,
        }
    }

    /// Whether the file gives levels for any activation.
    pub fn is_quantised(&self) -> bool {
        self.tensors.iter().any(|tensor| tensor.levels.is_some())
    }

    /// Whether the file gives all levels that are needed: the image can take them from the noise, a maximum and a
    /// join from what they read.
    pub fn is_fully_quantised(&self) -> bool {
        let takes_over = |layer: &Layer| matches!(layer.kind, Kind::MaxPool | Kind::Join { .. });
        let has = |layer: &Layer| layer.output.is_none_or(|output| self.tensors[output].levels.is_some());
        self.is_quantised() && self.layers.iter().all(|layer| takes_over(layer) || has(layer))
    }
}
