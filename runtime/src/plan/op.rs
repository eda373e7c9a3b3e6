//! Operations with their fields decoded.

use super::Tensor;
use crate::format::layout::{BLOCK, CHANNEL_GROUP, LOOKUP_ENTRIES};

/// A tensor and its index in the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operand {
    /// Index among the model's tensors.
    pub index: usize,
    /// Its layout.
    pub tensor: Tensor,
}

/// `u = clamp((m * mul + add) >> 16, 0, top)` for a noisy pixel `m` within ±2^13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputRule {
    /// 1..=2^17.
    pub mul: i32,
    /// Within ±2^29.
    pub add: i32,
}

/// Brings a u8 to another scale: `((((u - zero_point) << shift) * mul) + 0x4000) >> 15`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// Zero point of the operand.
    pub zero_point: u8,
    /// Left shift, 0..=7.
    pub shift: u8,
    /// Multiplier, not negative.
    pub mul: i16,
}

/// A second operand, and how it comes to the scale of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Residual {
    /// Where it is added: same height, width and channels as the output, apart from it or exactly in its place. Where
    /// it is joined: see [`JoinOp`].
    pub operand: Operand,
    /// To the scale of the output.
    pub rescale: Rescale,
}

impl Residual {
    /// Whether the operand lies exactly where the output goes.
    pub fn is_in_place(&self, output: &Operand) -> bool {
        self.operand.tensor.range() == output.tensor.range()
    }
}

/// Packed weights and requantisation constants of a convolution.
///
/// `weights` holds `[padded/16][depth/4][16][4]` i8 in -127..=127: block of outputs, group of depth, output,
/// depth; depth runs over (kernel row, kernel column, stored input channel). Padding outputs have zero
/// weights.
#[derive(Clone, Copy, Debug)]
pub struct Filter<'a> {
    /// Kernel height x kernel width x stored input channels; a multiple of four, at most 32768.
    pub depth: usize,
    /// Outputs that mean something.
    pub outputs: usize,
    /// `outputs` rounded up to a multiple of 16.
    pub padded: usize,
    /// `padded * depth` weights.
    pub weights: &'a [u8],
    /// `padded` little-endian i32, rounding included.
    pub bias: &'a [[u8; 4]],
    /// `padded` little-endian i16, positive.
    pub mul: &'a [[u8; 2]],
    /// `padded` right shifts, 1..=24.
    pub pre: &'a [u8],
}

/// Requantisation constants of sixteen outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequantBlock {
    /// Biases, rounding included.
    pub bias: [i32; BLOCK],
    /// Multipliers.
    pub mul: [i16; BLOCK],
    /// Right shifts.
    pub pre: [u8; BLOCK],
}

impl<'a> Filter<'a> {
    /// Number of blocks of sixteen outputs.
    pub fn blocks(&self) -> usize {
        self.padded / BLOCK
    }

    /// Weights of a block: `[depth/4][16][4]`.
    pub fn block_weights(&self, block: usize) -> &'a [u8] {
        let bytes = self.depth * BLOCK;
        &self.weights[block * bytes..][..bytes]
    }

    /// Constants of a block.
    pub fn requant(&self, block: usize) -> RequantBlock {
        RequantBlock {
            bias: self.bias.as_chunks::<BLOCK>().0[block].map(i32::from_le_bytes),
            mul: self.mul.as_chunks::<BLOCK>().0[block].map(i16::from_le_bytes),
            pre: self.pre.as_chunks::<BLOCK>().0[block],
        }
    }

    /// The weight of an output at a depth.
    pub fn weight(&self, output: usize, depth: usize) -> i8 {
        let (block, o) = (output / BLOCK, output % BLOCK);
        let (group, k) = (depth / CHANNEL_GROUP, depth % CHANNEL_GROUP);
        self.block_weights(block)[(group * BLOCK + o) * CHANNEL_GROUP + k].cast_signed()
    }
}

/// Convolution, with an optional residual added before the clamp.
#[derive(Clone, Copy, Debug)]
pub struct ConvOp<'a> {
    /// Input; its border holds the padding.
    pub input: Operand,
    /// Output.
    pub output: Operand,
    /// Added after requantisation, at the output's scale.
    pub residual: Option<Residual>,
    /// Rows and columns of the kernel.
    pub kernel: [usize; 2],
    /// Rows and columns from one window to the next.
    pub stride: [usize; 2],
    /// Rows and columns by which the first window starts outside the input; within the border.
    pub pad: [usize; 2],
    /// Lower clamp: the output's zero point for ReLU, else 0.
    pub lo: u8,
    /// Whether products of two neighbouring groups of a kernel row can be summed in 16 bits.
    pub pairs: bool,
    /// Weights and constants.
    pub filter: Filter<'a>,
}

/// Addition of two tensors, or rescaling of one.
#[derive(Clone, Copy, Debug)]
pub struct AddOp {
    /// First operand.
    pub input: Operand,
    /// First operand to the output's scale.
    pub rescale: Rescale,
    /// Second operand, if any.
    pub residual: Option<Residual>,
    /// Output, of the same height, width and channels.
    pub output: Operand,
    /// Lower clamp.
    pub lo: u8,
}

/// Mean over all pixels, per channel.
#[derive(Clone, Copy, Debug)]
pub struct PoolOp {
    /// Input; at most 2^22 pixels.
    pub input: Operand,
    /// Output of one pixel and the same channels.
    pub output: Operand,
    /// Added to the sum; rounding and zero point included.
    pub bias: i32,
    /// Right shift, 1..=24.
    pub pre: u8,
    /// Multiplier, positive.
    pub mul: i16,
    /// Lower clamp.
    pub lo: u8,
}

/// Largest of each two by two pixels, per channel; a last odd row or column is left out.
#[derive(Clone, Copy, Debug)]
pub struct MaxPoolOp {
    /// Input.
    pub input: Operand,
    /// Output of half the height and width (rounded down), the same channels, zero point and top.
    pub output: Operand,
    /// Lower clamp.
    pub lo: u8,
}

/// The channels of two tensors side by side, or of one; each pixel of a smaller tensor stands for two by two.
///
/// Each operand has the height and width of the output, or half of both. Without a second one this is upsampling to
/// the nearest neighbour, or rescaling.
#[derive(Clone, Copy, Debug)]
pub struct JoinOp {
    /// First operand; with a second one its channels are a multiple of four.
    pub input: Operand,
    /// First operand to the output's scale.
    pub rescale: Rescale,
    /// Its channels follow those of the first; apart from the output.
    pub second: Option<Residual>,
    /// Output, of as many channels as both together.
    pub output: Operand,
    /// Lower clamp.
    pub lo: u8,
}

/// Every value through a table: a curve that is no straight line.
#[derive(Clone, Copy, Debug)]
pub struct LookupOp<'a> {
    /// Input.
    pub input: Operand,
    /// Output, of the same height, width and channels.
    pub output: Operand,
    /// Result of each value, at most the output's top.
    pub table: &'a [u8; LOOKUP_ENTRIES],
}

/// Fully connected last layer over the whole input; one common scale for all classes.
#[derive(Clone, Copy, Debug)]
pub struct LogitsOp<'a> {
    /// Input.
    pub input: Operand,
    /// Weights and constants; as many outputs as classes.
    pub filter: Filter<'a>,
}

/// An operation.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub enum Op<'a> {
    /// Convolution.
    Conv(ConvOp<'a>),
    /// Addition or rescaling.
    Add(AddOp),
    /// Global average pool.
    GlobalAvgPool(PoolOp),
    /// Largest of each two by two pixels.
    MaxPool(MaxPoolOp),
    /// Channels side by side.
    Join(JoinOp),
    /// Values through a table.
    Lookup(LookupOp<'a>),
    /// Logits.
    Logits(LogitsOp<'a>),
}

impl Op<'_> {
    /// First input.
    pub fn input(&self) -> Operand {
        match self {
            Self::Conv(op) => op.input,
            Self::Add(op) => op.input,
            Self::GlobalAvgPool(op) => op.input,
            Self::MaxPool(op) => op.input,
            Self::Join(op) => op.input,
            Self::Lookup(op) => op.input,
            Self::Logits(op) => op.input,
        }
    }

    /// Second input.
    pub fn second(&self) -> Option<Residual> {
        match self {
            Self::Join(op) => op.second,
            _ => self.residual(),
        }
    }

    /// Second input, if it is added.
    pub fn residual(&self) -> Option<Residual> {
        match self {
            Self::Conv(op) => op.residual,
            Self::Add(op) => op.residual,
            Self::GlobalAvgPool(_) | Self::MaxPool(_) | Self::Join(_) | Self::Lookup(_) | Self::Logits(_) => {
                None
            }
        }
    }

    /// Output tensor; logits have none.
    pub fn output(&self) -> Option<Operand> {
        match self {
            Self::Conv(op) => Some(op.output),
            Self::Add(op) => Some(op.output),
            Self::GlobalAvgPool(op) => Some(op.output),
            Self::MaxPool(op) => Some(op.output),
            Self::Join(op) => Some(op.output),
            Self::Lookup(op) => Some(op.output),
            Self::Logits(_) => None,
        }
    }

    /// Multiplications of the network as its author counts them: without padding channels and outputs.
    pub fn macs(&self) -> u64 {
        match self {
            Self::Conv(op) => {
                let (output, input) = (op.output.tensor, op.input.tensor);
                [output.height, output.width, output.channels, op.kernel[0], op.kernel[1], input.channels]
                    .iter()
                    .map(|&factor| factor as u64)
                    .product()
            }
            Self::Logits(op) => {
                let input = op.input.tensor;
                (input.height * input.width * input.channels) as u64 * op.filter.outputs as u64
            }
            Self::Add(_) | Self::GlobalAvgPool(_) | Self::MaxPool(_) | Self::Join(_) | Self::Lookup(_) => 0,
        }
    }
}
