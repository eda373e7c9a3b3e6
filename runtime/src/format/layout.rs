//! Constants of the file layout, shared by the parser and by whoever writes model files.
//!
//! Offsets are in bytes from the start of the record they belong to; all integers are little endian.

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// First eight bytes of every model file.
pub const MAGIC: [u8; 8] = *b"RINGFMDL";
/// The version of the format; others are not read.
pub const VERSION: u32 = 2;
/// Size of the header; the section table follows it.
pub const HEADER_BYTES: usize = 64;
/// Size of one entry of the section table.
pub const SECTION_RECORD_BYTES: usize = 16;
/// Most sections a file may have.
pub const MAX_SECTIONS: usize = 32;
/// Sections, tensors, weight blocks and requantisation blocks start at multiples of this.
pub const ALIGN: usize = 64;

/// Offsets in the header.
pub mod header {
    /// [`MAGIC`](super::MAGIC), 8 bytes.
    pub const MAGIC: usize = 0;
    /// u32, [`VERSION`](super::VERSION).
    pub const VERSION: usize = 8;
    /// u32, exact length of the file.
    pub const LENGTH: usize = 12;
    /// u32, [`checksum`](super::checksum) of the whole file.
    pub const CHECKSUM: usize = 16;
    /// First byte under the checksum; it runs to the end of the file.
    pub const CHECKSUM_START: usize = 20;
    /// u32, entries of the section table.
    pub const SECTION_COUNT: usize = 20;
    /// u32, arena bytes of one sample.
    pub const SAMPLE_ARENA: usize = 24;
    /// u32, zero.
    pub const RESERVED: usize = 28;
    /// SHA-256 of the source ONNX file, 32 bytes.
    pub const SOURCE_SHA256: usize = 32;
}

/// Offsets in an entry of the section table.
pub mod section {
    /// u32, a [`Section`](super::Section) number.
    pub const KIND: usize = 0;
    /// u32, from the start of the file, a multiple of [`ALIGN`](super::ALIGN).
    pub const OFFSET: usize = 4;
    /// u32, bytes.
    pub const LENGTH: usize = 8;
    /// u32, zero.
    pub const RESERVED: usize = 12;
}

/// The sections of a file; each occurs once. [`Section::Meta`] may be missing, and from [`Section::Adaptive`] on all are
/// there or none.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Section {
    /// Image shape and the rule that quantises a noisy pixel.
    Input = 1,
    /// Tensor records.
    Tensors = 2,
    /// Operation records, in the order they run.
    Ops = 3,
    /// Packed weights and requantisation constants.
    Weights = 4,
    /// Tables of the noise sampler.
    Noise = 5,
    /// Certificate tables.
    Certificates = 6,
    /// Class names.
    Classes = 7,
    /// Exponential table of soft votes.
    Softmax = 8,
    /// JSON for the host; the runtime ignores it.
    Meta = 9,
    /// Adaptive smoothing: deviations of both steps and the sampler of the second.
    Adaptive = 10,
    /// As [`Section::Input`], of the mask network.
    MaskInput = 11,
    /// As [`Section::Tensors`], of the mask network.
    MaskTensors = 12,
    /// As [`Section::Ops`], of the mask network.
    MaskOps = 13,
    /// As [`Section::Weights`], of the mask network.
    MaskWeights = 14,
}

impl Section {
    /// All sections, by number.
    pub const ALL: [Self; 14] = [
        Self::Input,
        Self::Tensors,
        Self::Ops,
        Self::Weights,
        Self::Noise,
        Self::Certificates,
        Self::Classes,
        Self::Softmax,
        Self::Meta,
        Self::Adaptive,
        Self::MaskInput,
        Self::MaskTensors,
        Self::MaskOps,
        Self::MaskWeights,
    ];

    /// The section of this number.
    pub fn from_kind(kind: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|section| *section as u32 == kind)
    }
}

/// Size of the INPUT section.
pub const INPUT_BYTES: usize = 64;
/// Most image channels.
pub const MAX_INPUT_CHANNELS: usize = 4;
/// Largest multiplier of the input rule (the smallest is 1).
pub const MAX_INPUT_MUL: i32 = 1 << 17;
/// Largest magnitude of the addend of the input rule.
pub const MAX_INPUT_ADD: i32 = 1 << 29;
/// Right shift of the input rule.
pub const INPUT_SHIFT: u32 = 16;
/// Largest magnitude of a noisy pixel (pixel plus noise, in 1/255).
pub const MAX_NOISY: i32 = 1 << 13;

/// Offsets in the INPUT section.
pub mod input {
    /// u16, image channels.
    pub const CHANNELS: usize = 0;
    /// u16, image height.
    pub const HEIGHT: usize = 2;
    /// u16, image width.
    pub const WIDTH: usize = 4;
    /// u16, index of the tensor that receives the quantised image.
    pub const TENSOR: usize = 6;
    /// Four pairs of mul i32 and add i32; pairs of unused channels are zero.
    pub const RULES: usize = 8;
    /// First of the zero bytes at the end.
    pub const RESERVED: usize = 40;
}

/// Size of a tensor record.
pub const TENSOR_BYTES: usize = 16;
/// Most tensors of a model.
pub const MAX_TENSORS: usize = 512;
/// Values that may be the largest of a tensor: activations of eight bits or of seven.
pub const TOPS: [u8; 2] = [255, 127];
/// Channels are stored in groups of this many; it is also the depth of one weight group.
pub const CHANNEL_GROUP: usize = 4;

/// Offsets in a tensor record.
pub mod tensor {
    /// u32, in the arena of one sample, a multiple of [`ALIGN`](super::ALIGN).
    pub const OFFSET: usize = 0;
    /// u16, rows without border.
    pub const HEIGHT: usize = 4;
    /// u16, columns without border.
    pub const WIDTH: usize = 6;
    /// u16, channels that mean something.
    pub const CHANNELS: usize = 8;
    /// u8, pixels of border on each side.
    pub const BORDER: usize = 10;
    /// u8, value that stands for zero.
    pub const ZERO_POINT: usize = 11;
    /// u8, largest value that is ever written, one of [`TOPS`](super::TOPS).
    pub const TOP: usize = 12;
    /// u8, 1 for a border that mirrors the pixels inside, 0 for one of zero points.
    pub const MIRRORED: usize = 13;
    /// First of the zero bytes at the end.
    pub const TAIL: usize = 14;
}

/// Size of an operation record.
pub const OP_BYTES: usize = 64;
/// Most operations of a model.
pub const MAX_OPS: usize = 512;
/// Tensor index that means "none".
pub const NO_TENSOR: u16 = 0xFFFF;
/// Outputs of one packed weight block.
pub const BLOCK: usize = 16;
/// Largest depth (kernel height x kernel width x stored input channels) of a convolution.
pub const MAX_DEPTH: usize = 32768;
/// Largest sum of the positive weights, and of the magnitudes of the negative ones, of a 16-bit lane over two
/// groups: 258 * 127 fits i16.
pub const MAX_PAIR: i16 = 258;
/// Largest magnitude of a bias; with [`MAX_DEPTH`] it keeps every accumulator inside i32.
pub const MAX_BIAS: i32 = 1 << 29;
/// Largest right shift before the multiplier (the smallest is 1).
pub const MAX_PRE: u8 = 24;
/// Largest left shift of a rescaled operand: 255 << 7 still fits i16.
pub const MAX_SHIFT: u8 = 7;
/// Most pixels that a global average pool may sum.
pub const MAX_POOL_PIXELS: usize = 1 << 22;

/// Offsets in an operation record.
pub mod op {
    /// u8, one of [`CONV`], [`ADD`], [`GLOBAL_AVG_POOL`], [`LOGITS`], [`MAX_POOL`], [`JOIN`],
    /// [`LOOKUP`].
    pub const KIND: usize = 0;
    /// u8, lower clamp of the result.
    pub const LO: usize = 1;
    /// u16, index of the input tensor.
    pub const INPUT: usize = 2;
    /// u16, index of the second input or [`NO_TENSOR`](super::NO_TENSOR).
    pub const INPUT2: usize = 4;
    /// u16, index of the output tensor or [`NO_TENSOR`](super::NO_TENSOR) (logits).
    pub const OUTPUT: usize = 6;
    /// u8.
    pub const KERNEL_H: usize = 8;
    /// u8.
    pub const KERNEL_W: usize = 9;
    /// u8.
    pub const STRIDE_H: usize = 10;
    /// u8.
    pub const STRIDE_W: usize = 11;
    /// u8.
    pub const PAD_TOP: usize = 12;
    /// u8.
    pub const PAD_LEFT: usize = 13;
    /// u8, left shift of the first operand (addition, join).
    pub const SHIFT_A: usize = 14;
    /// u8, left shift of the second operand (addition, join, fused residual).
    pub const SHIFT_B: usize = 15;
    /// i16, multiplier of the first operand (addition, join) or of the whole result (pool).
    pub const MUL_A: usize = 16;
    /// i16, multiplier of the second operand.
    pub const MUL_B: usize = 18;
    /// i32, bias of a pool.
    pub const BIAS: usize = 20;
    /// u32, packed weights or the table of a lookup, from the start of WEIGHTS.
    pub const WEIGHTS: usize = 24;
    /// u32, requantisation block, from the start of WEIGHTS.
    pub const REQUANT: usize = 28;
    /// u8, right shift of a pool.
    pub const PRE: usize = 32;
    /// u8, 1 for a convolution whose groups may be summed in pairs (see [`pairs_fit`](crate::format::pairs_fit)),
    /// else 0.
    pub const PAIRS: usize = 33;
    /// u16, output channels of a convolution, classes of the logits.
    pub const OUT_CHANNELS: usize = 34;
    /// First of the zero bytes at the end.
    pub const TAIL: usize = 36;

    /// Convolution, optionally with a fused residual.
    pub const CONV: u8 = 1;
    /// Addition of two tensors, or rescaling of one.
    pub const ADD: u8 = 2;
    /// Mean over all pixels.
    pub const GLOBAL_AVG_POOL: u8 = 3;
    /// Fully connected last layer.
    pub const LOGITS: u8 = 4;
    /// Largest of each 2 x 2 pixels, at strides of 2, without padding.
    pub const MAX_POOL: u8 = 5;
    /// Channels of two tensors side by side, each at most upsampled by 2.
    pub const JOIN: u8 = 6;
    /// Every value through a table.
    pub const LOOKUP: u8 = 7;
}

/// Entries of the table of a lookup.
pub const LOOKUP_ENTRIES: usize = 256;

/// Size of the fixed part of the ADAPTIVE section; the quantile table follows.
pub const ADAPTIVE_HEADER_BYTES: usize = 128;
/// Octaves of tail probability in the quantile table.
pub const QUANTILE_OCTAVES: u32 = 48;
/// Bits of a segment's index within its octave.
pub const QUANTILE_BITS: u32 = 3;
/// Segments of the quantile table.
pub const QUANTILE_SEGMENTS: usize = (QUANTILE_OCTAVES as usize) << QUANTILE_BITS;
/// Coefficients of a segment, i64 each, constant first.
pub const QUANTILE_COEFFICIENTS: usize = 8;
/// Bytes of a segment.
pub const QUANTILE_SEGMENT_BYTES: usize = 8 * QUANTILE_COEFFICIENTS;
/// Fraction bits of a quantile and of the coefficients.
pub const QUANTILE_FRACTION: u32 = 58;
/// Fraction bits of [`adaptive::VARIANCE`].
pub const VARIANCE_FRACTION: u32 = 32;
/// Largest deviation of a step, in 1/(255 * 255).
pub const MAX_DEVIATION: u32 = 1 << 18;

/// Offsets in the ADAPTIVE section.
pub mod adaptive {
    /// f64, the deviation that radii are made of, in pixels of \[0, 1\].
    pub const SIGMA: usize = 0;
    /// f64, share of the first step in the budget, in (0, 1).
    pub const SPLIT: usize = 8;
    /// u64, variance of the second step for each unit of the sum of squares of the mask, in units of 2^-32, rounded up.
    pub const VARIANCE: usize = 16;
    /// u64, total-variation budget of the second step for a whole image, units of 2^-64, rounded up.
    pub const TV_BUDGET: usize = 24;
    /// u32, deviation of the first step in 1/(255 * 255), rounded up.
    pub const FIRST: usize = 32;
    /// First of the zero bytes before the hash.
    pub const RESERVED: usize = 36;
    /// SHA-256 of the mask network's ONNX file, 32 bytes.
    pub const SOURCE_SHA256: usize = 64;
    /// First of the zero bytes at the end of the fixed part.
    pub const TAIL: usize = 96;
}

/// Size of the fixed part of the NOISE section; two u32 tables follow.
pub const NOISE_HEADER_BYTES: usize = 64;
/// Least and most bits of a column index of the alias table.
pub const COLUMN_BITS: core::ops::RangeInclusive<u8> = 6..=14;

/// Offsets in the NOISE section.
pub mod noise {
    /// f64, standard deviation in pixels of \[0, 1\].
    pub const SIGMA: usize = 0;
    /// u8, bits of a column index.
    pub const COLUMN_BITS: usize = 8;
    /// u8, 0.
    pub const METHOD: usize = 9;
    /// u16, zero.
    pub const RESERVED: usize = 10;
    /// i32, noise value of column 0, in 1/255.
    pub const MIN_VALUE: usize = 12;
    /// u64, total-variation budget of one image in units of 2^-64, rounded up.
    pub const TV_BUDGET: usize = 16;
    /// First of the zero bytes at the end of the fixed part.
    pub const TAIL: usize = 24;
}

/// Size of the fixed part of the CERTIFICATES section; table records follow.
pub const CERTIFICATES_HEADER_BYTES: usize = 8;
/// Most certificate tables.
pub const MAX_CERTIFICATES: usize = 64;
/// Size of one certificate table record.
pub const CERTIFICATE_BYTES: usize = 32;

/// Offsets in a certificate table record.
pub mod certificate {
    /// u8, a [`Method`](crate::format::Method) number, then three zero bytes.
    pub const METHOD: usize = 0;
    /// u32, votes that select the class.
    pub const N0: usize = 4;
    /// u32, votes that are counted.
    pub const N: usize = 8;
    /// u32, count of the first entry.
    pub const FIRST: usize = 12;
    /// f64, probability of a wrong statement.
    pub const ALPHA: usize = 16;
    /// u32, entries, from the start of the section, a multiple of 4.
    pub const OFFSET: usize = 24;
    /// u32, number of u32 entries.
    pub const LENGTH: usize = 28;
}

/// Most classes of a model; vote counters have this capacity.
pub const MAX_CLASSES: usize = 128;

/// Size of the fixed part of the SOFTMAX section; the u16 table follows.
pub const SOFTMAX_HEADER_BYTES: usize = 64;
/// Entries of the exponential table.
pub const SOFTMAX_ENTRIES: usize = 256;

/// Offsets in the SOFTMAX section.
pub mod softmax {
    /// u32, multiplier from logit distance to table index.
    pub const MUL: usize = 0;
    /// u8, right shift after the multiplier.
    pub const SHIFT: usize = 4;
    /// First of the zero bytes at the end of the fixed part.
    pub const TAIL: usize = 5;
}

/// CRC-32 (ISO-HDLC) of a whole file, to be stored at [`header::CHECKSUM`].
///
/// Covers everything from [`header::CHECKSUM_START`] on; a shorter file has the checksum of no bytes.
pub fn checksum(file: &[u8]) -> u32 {
    const CRC: Crc<u32, Table<1>> = Crc::<u32, Table<1>>::new(&CRC_32_ISO_HDLC);
    CRC.checksum(file.get(header::CHECKSUM_START..).unwrap_or_default())
}
