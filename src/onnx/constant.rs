//! Constant tensors of an ONNX file: weights, statistics, shapes.

use std::fmt;

use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::{DataLocation, DataType};

use super::Reason;

/// A constant with its shape (outermost axis first; empty for a scalar).
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// Name of the value.
    pub name: String,
    /// Length of each axis; the product is the number of values.
    pub dims: Vec<usize>,
    /// Of floats that are multiples of the units of integer weights.
    pub units: Option<Units>,
    data: Data,
}

/// The real value of one unit of integer weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Units {
    /// The axis whose entries have a scale each.
    pub axis: usize,
    /// One for each entry of the axis, or one for all.
    pub scales: Vec<f32>,
}

impl Units {
    /// The scale of value `at` of a tensor of extents `dims`.
    pub fn scale_at(&self, dims: &[usize], at: usize) -> f32 {
        let inner: usize = dims.iter().skip(self.axis + 1).product();
        let entry = at / inner.max(1) % self.scales.len();
        self.scales[entry]
    }
}

/// Type of integers, where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerKind {
    /// UINT8.
    U8,
    /// INT8.
    I8,
    /// INT32.
    I32,
    /// INT64, or truth values.
    Other,
}

impl fmt::Display for IntegerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::U8 => "UINT8",
            Self::I8 => "INT8",
            Self::I32 => "INT32",
            Self::Other => "INT64",
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Data {
    Float(Vec<f32>),
    Int(Vec<i64>, IntegerKind),
    /// A type that no supported layer reads: an error only when it is read.
    Other(&'static str),
}

impl Constant {
    /// A vector (or, with `scalar`, its only value) of floats from an attribute.
    pub fn floats(name: &str, values: Vec<f32>, scalar: bool) -> Self {
        let dims = if scalar { Vec::new() } else { vec![values.len()] };
        Self { name: name.to_owned(), dims, units: None, data: Data::Float(values) }
    }

    /// Integer weights.
    pub fn int8(name: &str, dims: Vec<usize>, values: Vec<i64>) -> Self {
        Self { name: name.to_owned(), dims, units: None, data: Data::Int(values, IntegerKind::I8) }
    }

    /// Floats that were integers, of the given units if they were weights.
    pub fn dequantised(name: &str, dims: Vec<usize>, values: Vec<f32>, units: Option<Units>) -> Self {
        Self { name: name.to_owned(), dims, units, data: Data::Float(values) }
    }

    /// A vector (or, with `scalar`, its only value) of integers from an attribute.
    pub fn ints(name: &str, values: Vec<i64>, scalar: bool) -> Self {
        let dims = if scalar { Vec::new() } else { vec![values.len()] };
        Self { name: name.to_owned(), dims, units: None, data: Data::Int(values, IntegerKind::Other) }
    }

    /// Decodes an initializer or a tensor attribute under the name of the value it defines.
    pub fn decode(name: &str, proto: &TensorProto) -> Reason<Self> {
        let fail = |reason: String| format!("tensor {name}: {reason}");
        if proto.data_location == Some(DataLocation::External as i32) {
            return Err(fail("data is in another file; save the model as one file".into()));
        }
        let mut dims = Vec::with_capacity(proto.dims.len());
        let mut count = 1usize;
        for &dim in &proto.dims {
            let dim = usize::try_from(dim).map_err(|_| fail(format!("shape {:?}", proto.dims)))?;
            count = count.checked_mul(dim).ok_or_else(|| fail(format!("shape {:?}", proto.dims)))?;
            dims.push(dim);
        }
        let kind = DataType::try_from(proto.data_type)
            .map_err(|_| fail(format!("unknown data type {}", proto.data_type)))?;
        let data = match kind {
            DataType::Float => {
                Data::Float(numbers(proto, &proto.float_data, |b| f32::from_le_bytes(*b)).map_err(fail)?)
            }
            DataType::Double => {
                let wide = numbers(proto, &proto.double_data, |b| f64::from_le_bytes(*b)).map_err(fail)?;
                Data::Float(wide.into_iter().map(|x| x as f32).collect())
            }
            DataType::Int64 => {
                let wide = numbers(proto, &proto.int64_data, |b| i64::from_le_bytes(*b)).map_err(fail)?;
                Data::Int(wide, IntegerKind::Other)
            }
            DataType::Int32 => {
                let narrow = numbers(proto, &proto.int32_data, |b| i32::from_le_bytes(*b)).map_err(fail)?;
                Data::Int(narrow.into_iter().map(i64::from).collect(), IntegerKind::I32)
            }
            DataType::Int8 => {
                let typed: Vec<i8> = proto.int32_data.iter().map(|q| *q as i8).collect();
                let bytes = numbers(proto, &typed, |b: &[u8; 1]| b[0].cast_signed()).map_err(fail)?;
                Data::Int(bytes.into_iter().map(i64::from).collect(), IntegerKind::I8)
            }
            DataType::Uint8 => {
                let typed: Vec<u8> = proto.int32_data.iter().map(|u| *u as u8).collect();
                let bytes = numbers(proto, &typed, |b: &[u8; 1]| b[0]).map_err(fail)?;
                Data::Int(bytes.into_iter().map(i64::from).collect(), IntegerKind::U8)
            }
            DataType::Bool => {
                let typed: Vec<u8> = proto.int32_data.iter().map(|flag| u8::from(*flag != 0)).collect();
                let flags = numbers(proto, &typed, |b: &[u8; 1]| b[0]).map_err(fail)?;
                Data::Int(flags.into_iter().map(i64::from).collect(), IntegerKind::Other)
            }
            other => Data::Other(other.as_str_name()),
        };
        let constant = Self { name: name.to_owned(), dims, units: None, data };
        constant.check(count)?;
        Ok(constant)
    }

    fn check(&self, count: usize) -> Reason<()> {
        let found = match &self.data {
            Data::Float(values) => values.len(),
            Data::Int(values, _) => values.len(),
            Data::Other(_) => return Ok(()),
        };
        if found == count {
            return Ok(());
        }
        Err(self.error(format!("shape {:?} needs {count} values, the file holds {found}", self.dims)))
    }

    /// The values, which must be finite floats.
    pub fn as_floats(&self) -> Reason<&[f32]> {
        match &self.data {
            Data::Float(values) => match values.iter().find(|x| !x.is_finite()) {
                None => Ok(values),
                Some(x) => Err(self.error(format!("holds {x}"))),
            },
            _ => Err(self.error(format!("expected floats, found {}", self.kind()))),
        }
    }

    /// The values, which must be integers (or truth values, as 0 and 1).
    pub fn as_ints(&self) -> Reason<&[i64]> {
        Ok(self.as_integers()?.0)
    }

    /// The values, which must be integers, and their type.
    pub fn as_integers(&self) -> Reason<(&[i64], IntegerKind)> {
        match &self.data {
            Data::Int(values, kind) => Ok((values, *kind)),
            _ => Err(self.error(format!("expected integers, found {}", self.kind()))),
        }
    }

    fn kind(&self) -> &'static str {
        match self.data {
            Data::Float(_) => "floats",
            Data::Int(..) => "integers",
            Data::Other(name) => name,
        }
    }

    fn error(&self, reason: String) -> String {
        format!("tensor {}: {reason}", self.name)
    }
}

/// The typed field, or the raw bytes (little endian) where those are given.
fn numbers<T: Copy, const N: usize>(
    proto: &TensorProto,
    typed: &[T],
    read: impl Fn(&[u8; N]) -> T,
) -> Reason<Vec<T>> {
    if proto.raw_data.is_empty() {
        return Ok(typed.to_vec());
    }
    match proto.raw_data.as_chunks::<N>() {
        (chunks, []) => Ok(chunks.iter().map(read).collect()),
        _ => Err(format!("{} bytes are not a whole number of {N}-byte values", proto.raw_data.len())),
    }
}
