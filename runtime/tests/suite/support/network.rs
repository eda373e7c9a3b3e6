//! A network as one would write it down: no packing, no padding, no offsets.

/// A tensor.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    pub border: usize,
    pub zero_point: u8,
    /// Largest value, 255 or 127.
    pub top: u8,
}

impl Shape {
    pub fn stored(&self) -> usize {
        self.channels.next_multiple_of(4)
    }

    pub fn bytes(&self) -> usize {
        (self.height + 2 * self.border) * (self.width + 2 * self.border) * self.stored()
    }
}

/// Weights `[output][kernel row][kernel column][input channel]` and constants per output.
#[derive(Clone, Debug)]
pub struct Weights {
    pub values: Vec<i8>,
    pub bias: Vec<i32>,
    pub mul: Vec<i16>,
    pub pre: Vec<u8>,
}

/// An operand of a sum: tensor, left shift, multiplier.
#[derive(Clone, Copy, Debug)]
pub struct Sum {
    pub tensor: usize,
    pub shift: u8,
    pub mul: i16,
}

#[derive(Clone, Debug)]
pub struct Conv {
    pub input: usize,
    pub residual: Option<Sum>,
    pub output: usize,
    pub kernel: [usize; 2],
    pub stride: [usize; 2],
    pub pad: [usize; 2],
    pub relu: bool,
    pub weights: Weights,
}

impl Conv {
    /// Whether products with values up to 127 fit 16 bits when those of two neighbouring groups are summed.
    /// Weights at depths `4 g + 2 i`, `4 g + 2 i + 1` of group g share a sum, and so do groups 2 j and 2 j + 1 of a
    /// kernel row.
    pub fn pairs_fit(&self, from: &Shape) -> bool {
        let mut sums = std::collections::BTreeMap::new();
        let depth = self.kernel[0] * self.kernel[1] * from.channels;
        for (at, &weight) in self.weights.values.iter().enumerate() {
            let (output, k) = (at / depth, at % depth);
            let (column, c) = (k / from.channels, k % from.channels);
            let (row, column) = (column / self.kernel[1], column % self.kernel[1]);
            let k = column * from.stored() + c;
            let sum: &mut i64 = sums.entry((output, row, k / 8, k % 4 / 2, weight > 0)).or_default();
            *sum += 127 * i64::from(weight);
        }
        sums.values().all(|&sum| i16::try_from(sum).is_ok())
    }
}

#[derive(Clone, Debug)]
pub enum Layer {
    Conv(Conv),
    Add {
        a: Sum,
        b: Option<Sum>,
        output: usize,
        relu: bool,
    },
    Pool {
        input: usize,
        output: usize,
        bias: i32,
        pre: u8,
        mul: i16,
    },
    MaxPool {
        input: usize,
        output: usize,
        relu: bool,
    },
    /// Operands of the output's height and width or of half of them.
    Join {
        a: Sum,
        b: Option<Sum>,
        output: usize,
        relu: bool,
    },
    Lookup {
        input: usize,
        output: usize,
        /// 256 entries.
        table: Vec<u8>,
    },
    Logits {
        input: usize,
        weights: Weights,
    },
}

impl Layer {
    pub fn inputs(&self) -> Vec<usize> {
        match self {
            Self::Conv(conv) => [conv.input].into_iter().chain(conv.residual.map(|r| r.tensor)).collect(),
            Self::Add { a, b, .. } | Self::Join { a, b, .. } => {
                [a.tensor].into_iter().chain(b.map(|b| b.tensor)).collect()
            }
            Self::Pool { input, .. }
            | Self::MaxPool { input, .. }
            | Self::Lookup { input, .. }
            | Self::Logits { input, .. } => vec![*input],
        }
    }

    pub fn output(&self) -> Option<usize> {
        match self {
            Self::Conv(conv) => Some(conv.output),
            Self::Add { output, .. }
            | Self::Pool { output, .. }
            | Self::MaxPool { output, .. }
            | Self::Lookup { output, .. }
            | Self::Join { output, .. } => Some(*output),
            Self::Logits { .. } => None,
        }
    }
}

/// Tensor 0 is the input.
#[derive(Clone, Debug)]
pub struct Network {
    pub rules: Vec<(i32, i32)>,
    pub tensors: Vec<Shape>,
    pub layers: Vec<Layer>,
    pub classes: usize,
    /// Largest value of every tensor but the input, if they have the same.
    pub top: Option<u8>,
    /// Tensors whose border mirrors the pixels inside.
    pub mirrored: Vec<usize>,
}
