//! Constant tensors of an ONNX file: weights, statistics, shapes.

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
    data: Data,
}

#[derive(Clone, Debug, PartialEq)]
enum Data {
    Float(Vec<f32>),
    Int(Vec<i64>),
    /// A type that no supported layer reads: an error only when it is read.
    Other(&'static str),
}

impl Constant {
    /// A vector (or, with `scalar`, its only value) of floats from an attribute.
    pub fn floats(name: &str, values: Vec<f32>, scalar: bool) -> Self {
        let dims = if scalar { Vec::new() } else { vec![values.len()] };
        Self { name: name.to_owned(), dims, data: Data::Float(values) }
    }

    /// A vector (or, with `scalar`, its only value) of integers from an attribute.
    pub fn ints(name: &str, values: Vec<i64>, scalar: bool) -> Self {
        let dims = if scalar { Vec::new() } else { vec![values.len()] };
        Self { name: name.to_owned(), dims, data: Data::Int(values) }
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
                Data::Int(numbers(proto, &proto.int64_data, |b| i64::from_le_bytes(*b)).map_err(fail)?)
            }
            DataType::Int32 => {
                let narrow = numbers(proto, &proto.int32_data, |b| i32::from_le_bytes(*b)).map_err(fail)?;
                Data::Int(narrow.into_iter().map(i64::from).collect())
            }
            DataType::Bool => {
                let typed: Vec<u8> = proto.int32_data.iter().map(|flag| u8::from(*flag != 0)).collect();
                let flags = numbers(proto, &typed, |b: &[u8; 1]| b[0]).map_err(fail)?;
                Data::Int(flags.into_iter().map(i64::from).collect())
            }
            other => Data::Other(other.as_str_name()),
        };
        let constant = Self { name: name.to_owned(), dims, data };
        constant.check(count)?;
        Ok(constant)
    }

    fn check(&self, count: usize) -> Reason<()> {
        let found = match &self.data {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
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
        match &self.data {
            Data::Int(values) => Ok(values),
            _ => Err(self.error(format!("expected integers, found {}", self.kind()))),
        }
    }

    fn kind(&self) -> &'static str {
        match self.data {
            Data::Float(_) => "floats",
            Data::Int(_) => "integers",
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
