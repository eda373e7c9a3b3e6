//! ONNX graphs as ringfence understands them.
//!
//! [`parse`] turns the bytes of an ONNX file into a small typed [`Graph`] of float layers, or says which node it
//! cannot express. Nothing is approximated and nothing is left out silently. [`FloatModel`] runs the same file
//! in tract: it supplies the activations that calibration looks at and is the oracle of validation.

mod arithmetic;
mod attributes;
mod constant;
mod dimensions;
mod error;
mod float_model;
mod graph;
mod layers;
mod pooling;
mod quantisation;
mod reader;
mod shaping;
mod site;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod upsampling;

pub use error::OnnxError;
pub use float_model::FloatModel;
pub use graph::{Affine, Conv, Curve, Dense, Graph, Levels, Node, NodeId, Op, Padding, Shape};

use constant::Constant;
use std::collections::HashMap;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::{ModelProto, TensorProto};
use tract_onnx::prelude::Framework;

/// A result whose error says what is wrong; the reader adds the node's name, operator and input shapes.
type Reason<T> = Result<T, String>;

/// Reads an ONNX file: any byte string gives a graph or an error.
pub fn parse(bytes: &[u8]) -> Result<Graph, OnnxError> {
    reader::read(&decode(bytes)?)
}

/// Float constants by name: extents, outermost first, and values in row-major order.
pub type FloatConstants = HashMap<String, (Vec<usize>, Vec<f32>)>;

/// The float constants of an ONNX file.
///
/// # Errors
/// Bytes that are no ONNX file, or a constant with other bytes than its extents say or with a value that is not finite.
pub fn float_constants(bytes: &[u8]) -> Result<FloatConstants, OnnxError> {
    let graph = decode(bytes)?.graph.unwrap_or_default();
    let floats = graph.initializer.iter().filter(|tensor| tensor.data_type == DataType::Float as i32);
    let read = |tensor: &TensorProto| {
        let constant = Constant::decode(&tensor.name, tensor)?;
        let values = constant.as_floats()?.to_vec();
        Ok((constant.name, (constant.dims, values)))
    };
    floats.map(read).collect::<Reason<_>>().map_err(OnnxError::Model)
}

fn decode(mut bytes: &[u8]) -> Result<ModelProto, OnnxError> {
    tract_onnx::onnx()
        .proto_model_for_read(&mut bytes)
        .map_err(|error| OnnxError::Protobuf(format!("{error:#}")))
}
