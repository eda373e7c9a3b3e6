//! Why a byte string is not a model.

use super::layout::Section;
use core::error::Error;

/// Why a byte string is not a model: which part, what was expected, what was found.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatError {
    /// The bytes end before the header, or before the length that the header gives.
    Truncated {
        /// Bytes needed.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// The bytes go on after the length that the header gives.
    TrailingBytes {
        /// Length in the header.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// Not a model file at all.
    BadMagic,
    /// A version that this runtime cannot read.
    UnsupportedVersion {
        /// Version in the header.
        found: u32,
    },
    /// The content was altered.
    Checksum {
        /// Checksum of the bytes.
        expected: u32,
        /// Checksum in the header.
        found: u32,
    },
    /// Reserved bytes of the header, the section table or a section's fixed part are not zero.
    Reserved {
        /// Section, or none for the header and the section table.
        section: Option<Section>,
    },
    /// Zero or too many sections.
    SectionCount {
        /// Count in the header.
        found: u32,
    },
    /// A section number without meaning.
    UnknownSection {
        /// The number.
        kind: u32,
    },
    /// A section occurs twice.
    DuplicateSection {
        /// The section.
        section: Section,
    },
    /// A mandatory section does not occur.
    MissingSection {
        /// The section.
        section: Section,
    },
    /// A section is misaligned or leaves the file.
    SectionRange {
        /// The section.
        section: Section,
    },
    /// A section overlaps another one.
    SectionOverlap {
        /// The section that starts later or is listed later.
        section: Section,
    },
    /// A section does not have the length that its content needs.
    SectionLength {
        /// The section.
        section: Section,
        /// Bytes needed; for tables of records a multiple of it within the limit on records.
        expected: usize,
        /// Bytes of the section.
        found: usize,
    },
    /// The image shape or the input rule.
    Input(InputFault),
    /// A tensor record.
    Tensor {
        /// Its index.
        index: usize,
        /// What is wrong.
        fault: TensorFault,
    },
    /// An operation record, or what it does to the tensors.
    Op {
        /// Its index.
        index: usize,
        /// What is wrong.
        fault: OpFault,
    },
    /// The last operation does not give logits (or there is no operation).
    NoLogits,
    /// The noise tables.
    Noise(NoiseFault),
    /// Too many certificate tables.
    CertificateCount {
        /// Count in the section.
        found: u32,
    },
    /// A certificate table.
    Certificate {
        /// Its index.
        index: usize,
        /// What is wrong.
        fault: CertificateFault,
    },
    /// The class names.
    Class(ClassFault),
    /// The soft-vote table.
    Softmax(SoftmaxFault),
    /// The host's notes are not UTF-8.
    Meta,
    /// The section of adaptive smoothing, or what it asks of the rest.
    Adaptive(AdaptiveFault),
    /// The mask network.
    Mask(MaskFault),
}

/// What is wrong with the ADAPTIVE section.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdaptiveFault {
    /// The program was built without the feature `adaptive`.
    LeftOut,
    /// A section of a mask network without this one.
    Missing(Section),
    /// The deviation that radii are made of is not a positive finite number.
    Sigma,
    /// The share of the first step is not in (0, 1).
    Split,
    /// The first step's deviation is not in 1..=2^18.
    First(u32),
    /// A mask of ones would need a deviation above 2^18 in the second step.
    Variance(u64),
    /// The arena has no room for the mask beside the networks.
    Arena {
        /// Bytes of the mask, rounded up to a multiple of 64.
        plane: usize,
        /// Arena bytes of one sample.
        arena: u32,
    },
}

/// What is wrong with the mask network.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaskFault {
    /// The image shape or the input rule.
    Input(InputFault),
    /// A tensor record.
    Tensor {
        /// Its index.
        index: usize,
        /// What is wrong.
        fault: TensorFault,
    },
    /// An operation record, or what it does to the tensors.
    Op {
        /// Its index.
        index: usize,
        /// What is wrong.
        fault: OpFault,
    },
    /// Its image is not of the classifier's shape.
    Image,
    /// Its result is not one channel of the image's height and width with zero point 0 and largest value 255.
    Output,
}

/// What is wrong with the INPUT section.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputFault {
    /// No channel or more than four.
    Channels(u16),
    /// No such tensor.
    Tensor(u16),
    /// The tensor's height, width or channels are not the image's.
    Shape,
    /// The multiplier of this channel is not in 1..=2^17.
    Mul(usize),
    /// The addend of this channel is not within ±2^29.
    Add(usize),
}

/// What is wrong with a tensor record.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TensorFault {
    /// Height, width or channels are zero.
    Empty,
    /// The offset is not a multiple of 64.
    Alignment(u32),
    /// The tensor leaves the arena of a sample.
    Range {
        /// First byte after the tensor.
        end: u64,
        /// Arena bytes of one sample.
        arena: u32,
    },
    /// The largest value is neither 255 nor 127.
    Top(u8),
    /// The zero point is above the largest value.
    ZeroPoint(u8),
    /// Neither 0 nor 1, or a mirrored border that is not narrower than the map.
    Mirrored(u8),
    /// Reserved bytes are not zero.
    Reserved,
}

/// What is wrong with an operation.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpFault {
    /// No such kind of operation.
    Kind(u8),
    /// Reserved bytes are not zero.
    Reserved,
    /// The lower clamp is above the output's largest value.
    Lo(u8),
    /// No such tensor, or a tensor where none may be.
    Tensor(u16),
    /// Kernel height or width is zero, or not two where the largest of two by two pixels is taken.
    Kernel,
    /// Stride is zero, or not two there.
    Stride,
    /// A window leaves the bordered input, or is padded where it may not be.
    Window,
    /// Kernel size times stored channels is above the limit.
    Depth(u64),
    /// Channels do not agree.
    Channels {
        /// Channels needed.
        expected: usize,
        /// Channels in the record.
        found: usize,
    },
    /// Heights or widths do not agree.
    Shape,
    /// Zero points or largest values differ where values are passed on as they are.
    Levels,
    /// Channels of the first of two joined tensors are not a multiple of four.
    Group(usize),
    /// A left shift is above 7.
    Shift(u8),
    /// A multiplier is out of range.
    Mul(i16),
    /// A right shift is not in 1..=24.
    Pre(u8),
    /// A bias is not within ±2^29.
    Bias(i32),
    /// A weight is -128.
    Weight,
    /// This entry of a table is above the output's largest value.
    Entry(usize),
    /// Groups cannot be summed in pairs: the input reaches beyond 127, or the weights are too large.
    Pairs,
    /// Weights or requantisation constants are misaligned or leave the section.
    WeightRange,
    /// The output shares bytes with an input.
    Overlap,
    /// The input was not written before, or was overwritten since.
    NotWritten(u16),
    /// Logits that are not the last operation, or of a mask network.
    LogitsNotLast,
}

/// What is wrong with the NOISE section.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoiseFault {
    /// The standard deviation is not a positive finite number.
    Sigma,
    /// The bits of a column index are not in 6..=14.
    ColumnBits(u8),
    /// An unknown method.
    Method(u8),
    /// Some noise value would take a pixel out of ±2^13.
    Range {
        /// Least noise value.
        min: i32,
        /// Largest noise value.
        max: i64,
    },
}

/// What is wrong with a certificate table.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFault {
    /// An unknown method.
    Method(u8),
    /// Reserved bytes are not zero.
    Reserved,
    /// No votes are counted; none select the class in the two-stage form, or some do in the sequential one.
    Samples,
    /// The probability of error is not in (0, 1).
    Alpha,
    /// The first count is not above half the votes (radius), or not 0 (prediction); the target radius of a
    /// sequential table is 0.
    First(u32),
    /// The number of entries does not follow from the votes and the first count, or is not three for each
    /// checkpoint.
    Length {
        /// Entries needed.
        expected: u64,
        /// Entries found.
        found: u64,
    },
    /// The entries are misaligned or leave the section.
    Range,
    /// Radii fall, a least count is above n + 1, or a checkpoint (its first entry) is not after the one before
    /// and within n votes, or its counts contradict each other.
    Entry(usize),
}

/// What is wrong with the CLASSES section.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassFault {
    /// Fewer than two classes or too many.
    Count(u16),
    /// The names end early or bytes follow them.
    Length,
    /// This name is not UTF-8.
    Utf8(usize),
}

/// What is wrong with the SOFTMAX section.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoftmaxFault {
    /// The shift is above 63.
    Shift(u8),
    /// The first entry is zero, or this entry is above the one before.
    Entry(usize),
}

impl Error for FormatError {}
impl Error for AdaptiveFault {}
impl Error for MaskFault {}
impl Error for InputFault {}
impl Error for TensorFault {}
impl Error for OpFault {}
impl Error for NoiseFault {}
impl Error for CertificateFault {}
impl Error for ClassFault {}
impl Error for SoftmaxFault {}
