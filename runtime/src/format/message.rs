//! Errors in words.

use super::error::{
    AdaptiveFault, CertificateFault, ClassFault, FormatError, InputFault, MaskFault, NoiseFault, OpFault,
    SoftmaxFault, TensorFault,
};
use super::layout::{MAX_CERTIFICATES, MAX_CLASSES, MAX_DEPTH, MAX_DEVIATION, VERSION};
use core::fmt;

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Truncated { expected, found } => {
                write!(f, "truncated: {expected} bytes expected, {found} found")
            }
            Self::TrailingBytes { expected, found } => {
                write!(f, "trailing bytes: {expected} bytes expected, {found} found")
            }
            Self::BadMagic => write!(f, "not a ringfence model (wrong magic)"),
            Self::UnsupportedVersion { found } => {
                write!(f, "format version {found} is not supported, only {}", VERSION)
            }
            Self::Checksum { expected, found } => {
                write!(f, "checksum of the content is {expected:08x}, the header says {found:08x}")
            }
            Self::Reserved { section: None } => write!(f, "reserved bytes of the header are not zero"),
            Self::Reserved { section: Some(section) } => {
                write!(f, "reserved bytes of section {section:?} are not zero")
            }
            Self::SectionCount { found } => write!(f, "{found} sections, 1..=32 expected"),
            Self::UnknownSection { kind } => write!(f, "unknown section {kind}"),
            Self::DuplicateSection { section } => write!(f, "section {section:?} occurs twice"),
            Self::MissingSection { section } => write!(f, "section {section:?} is missing"),
            Self::SectionRange { section } => {
                write!(f, "section {section:?} is misaligned or leaves the file")
            }
            Self::SectionOverlap { section } => write!(f, "section {section:?} overlaps another section"),
            Self::SectionLength { section, expected, found } => {
                write!(f, "section {section:?} has {found} bytes, {expected} expected")
            }
            Self::Input(fault) => write!(f, "input: {fault}"),
            Self::Tensor { index, fault } => write!(f, "tensor {index}: {fault}"),
            Self::Op { index, fault } => write!(f, "operation {index}: {fault}"),
            Self::NoLogits => write!(f, "the last operation does not give logits"),
            Self::Noise(fault) => write!(f, "noise: {fault}"),
            Self::CertificateCount { found } => {
                write!(f, "{found} certificate tables, at most {MAX_CERTIFICATES} expected")
            }
            Self::Certificate { index, fault } => write!(f, "certificate table {index}: {fault}"),
            Self::Class(fault) => write!(f, "classes: {fault}"),
            Self::Softmax(fault) => write!(f, "softmax: {fault}"),
            Self::Meta => write!(f, "the host's notes are not UTF-8"),
            Self::Adaptive(fault) => write!(f, "adaptive smoothing: {fault}"),
            Self::Mask(fault) => write!(f, "mask network: {fault}"),
        }
    }
}

impl fmt::Display for InputFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Channels(found) => write!(f, "{found} channels, 1..=4 expected"),
            Self::Tensor(index) => write!(f, "there is no tensor {index}"),
            Self::Shape => write!(f, "the tensor does not have the shape of the image"),
            Self::Mul(channel) => write!(f, "multiplier of channel {channel} is not in 1..=2^17"),
            Self::Add(channel) => write!(f, "addend of channel {channel} is not within 2^29 of zero"),
        }
    }
}

impl fmt::Display for TensorFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => write!(f, "height, width or channels are zero"),
            Self::Alignment(offset) => write!(f, "offset {offset} is not a multiple of 64"),
            Self::Range { end, arena } => write!(f, "ends at byte {end} of an arena of {arena}"),
            Self::Top(found) => write!(f, "largest value {found} is neither 255 nor 127"),
            Self::ZeroPoint(found) => write!(f, "zero point {found} is above the largest value"),
            Self::Mirrored(found) => {
                write!(f, "mirrored border {found}: 0 or 1 expected, and a border narrower than the map")
            }
            Self::Reserved => write!(f, "reserved bytes are not zero"),
        }
    }
}

impl fmt::Display for OpFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Kind(found) => write!(f, "unknown kind {found}, or one left out of this program"),
            Self::Reserved => write!(f, "reserved bytes are not zero"),
            Self::Lo(found) => write!(f, "lower clamp {found} is above the output's largest value"),
            Self::Tensor(index) => write!(f, "tensor {index} does not exist or may not be here"),
            Self::Kernel => {
                write!(f, "the kernel has no height or no width, or one that its kind cannot have")
            }
            Self::Stride => write!(f, "a stride is zero, or one that its kind cannot have"),
            Self::Window => write!(f, "a window leaves the bordered input, or is padded where it may not be"),
            Self::Depth(found) => write!(f, "depth {found} is above {}", MAX_DEPTH),
            Self::Channels { expected, found } => write!(f, "{found} channels, {expected} expected"),
            Self::Shape => write!(f, "heights or widths do not agree"),
            Self::Levels => write!(f, "zero points or largest values do not agree"),
            Self::Group(found) => {
                write!(f, "{found} channels before those of a second tensor, a multiple of 4 expected")
            }
            Self::Shift(found) => write!(f, "left shift {found} is above 7"),
            Self::Mul(found) => write!(f, "multiplier {found} is out of range"),
            Self::Pre(found) => write!(f, "right shift {found} is not in 1..=24"),
            Self::Bias(found) => write!(f, "bias {found} is not within 2^29 of zero"),
            Self::Weight => write!(f, "a weight is -128"),
            Self::Entry(index) => write!(f, "entry {index} of the table is above the output's largest value"),
            Self::Pairs => write!(f, "groups of weights cannot be summed in pairs"),
            Self::WeightRange => write!(f, "weights or their constants are misaligned or out of range"),
            Self::Overlap => write!(f, "the output shares bytes with an input"),
            Self::NotWritten(index) => write!(f, "tensor {index} holds nothing that can be read"),
            Self::LogitsNotLast => write!(f, "logits where there may be none"),
        }
    }
}

impl fmt::Display for NoiseFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Sigma => write!(f, "sigma is not positive and finite"),
            Self::ColumnBits(found) => write!(f, "{found} column bits, 6..=14 expected"),
            Self::Method(found) => write!(f, "unknown method {found}"),
            Self::Range { min, max } => write!(f, "values {min}..={max} take a pixel out of 2^13"),
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Method(found) => write!(f, "unknown method {found}"),
            Self::Reserved => write!(f, "reserved bytes are not zero"),
            Self::Samples => write!(f, "no votes to count or to select by"),
            Self::Alpha => write!(f, "alpha is not in (0, 1)"),
            Self::First(found) => write!(f, "first count or target radius {found} is out of place"),
            Self::Length { expected, found } => write!(f, "{found} entries, {expected} expected"),
            Self::Range => write!(f, "entries are misaligned or out of range"),
            Self::Entry(index) => write!(f, "entry {index} is out of order or out of range"),
        }
    }
}

impl fmt::Display for ClassFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Count(found) => write!(f, "{found} classes, 2..={MAX_CLASSES} expected"),
            Self::Length => write!(f, "names do not fill the section"),
            Self::Utf8(index) => write!(f, "name {index} is not UTF-8"),
        }
    }
}

impl fmt::Display for SoftmaxFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Shift(found) => write!(f, "shift {found} is above 63"),
            Self::Entry(index) => write!(f, "entry {index} is zero or rises"),
        }
    }
}

impl fmt::Display for AdaptiveFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::LeftOut => write!(f, "this program was built without adaptive smoothing"),
            Self::Missing(section) => write!(f, "section {section:?} without a section Adaptive"),
            Self::Sigma => write!(f, "sigma is not a positive finite number"),
            Self::Split => write!(f, "the share of the first step is not in (0, 1)"),
            Self::First(found) => {
                write!(f, "deviation {found} of the first step is not in 1..={MAX_DEVIATION}")
            }
            Self::Variance(found) => {
                write!(f, "variance {found} takes the second step above a deviation of {MAX_DEVIATION}")
            }
            Self::Arena { plane, arena } => write!(f, "mask of {plane} bytes in an arena of {arena}"),
        }
    }
}

impl fmt::Display for MaskFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(fault) => write!(f, "input: {fault}"),
            Self::Tensor { index, fault } => write!(f, "tensor {index}: {fault}"),
            Self::Op { index, fault } => write!(f, "operation {index}: {fault}"),
            Self::Image => write!(f, "its image is not of the classifier's shape"),
            Self::Output => {
                write!(f, "its result is not one channel of the image's size from 0 to 255 with zero point 0")
            }
        }
    }
}
