//! A small builder of ONNX graphs: nodes in order, one output each.

use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

/// Operator set of the file; every operator used means the same in 13 to 18.
const OPSET: i64 = 17;
/// ONNX file format that goes with it.
const IR_VERSION: i64 = 8;

/// A value in the graph, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value(String);

/// An extent of a graph input or output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Any number, the same wherever the name stands.
    Symbol(&'static str),
    /// This number.
    Fixed(usize),
}

/// A graph under construction.
#[derive(Debug, Default)]
pub struct Graph {
    nodes: Vec<NodeProto>,
    constants: Vec<TensorProto>,
}

/// An integer list attribute.
#[must_use]
pub fn ints(name: &str, values: &[usize]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.iter().map(|&v| v as i64).collect(),
        ..Default::default()
    }
}

/// An integer attribute.
#[must_use]
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Int as i32, i: value, ..Default::default() }
}

/// A float attribute.
#[must_use]
pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto { name: name.into(), r#type: AttributeType::Float as i32, f: value, ..Default::default() }
}

/// A text attribute.
#[must_use]
pub fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::String as i32,
        s: value.into(),
        ..Default::default()
    }
}

fn value_info(name: &str, extents: &[Extent]) -> ValueInfoProto {
    let dimension = |extent: &Extent| Dimension {
        value: Some(match *extent {
            Extent::Symbol(name) => dimension::Value::DimParam(name.into()),
            Extent::Fixed(n) => dimension::Value::DimValue(n as i64),
        }),
        ..Default::default()
    };
    let tensor = type_proto::Tensor {
        elem_type: DataType::Float as i32,
        shape: Some(TensorShapeProto { dim: extents.iter().map(dimension).collect() }),
    };
    let r#type = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: name.into(), r#type: Some(r#type), ..Default::default() }
}

impl Graph {
    /// The graph input `name`.
    #[must_use]
    pub fn input(name: &str) -> Value {
        Value(name.into())
    }

    /// The place of an optional input that is not given.
    #[must_use]
    pub fn absent() -> Value {
        Value(String::new())
    }

    /// A constant list of integers.
    pub fn integers(&mut self, name: &str, values: &[i64]) -> Value {
        self.constants.push(TensorProto {
            name: name.into(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
            ..Default::default()
        });
        Value(name.into())
    }

    /// A float constant of extents `dims`, in row-major order.
    pub fn constant(&mut self, name: &str, dims: &[usize], values: &[f32]) -> Value {
        self.tensor(name, dims, DataType::Float, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// A constant of signed bytes.
    pub fn int8(&mut self, name: &str, dims: &[usize], values: &[i8]) -> Value {
        self.tensor(name, dims, DataType::Int8, values.iter().map(|v| v.cast_unsigned()).collect())
    }

    /// A constant of unsigned bytes.
    pub fn uint8(&mut self, name: &str, dims: &[usize], values: &[u8]) -> Value {
        self.tensor(name, dims, DataType::Uint8, values.to_vec())
    }

    /// A constant of integers of 32 bits.
    pub fn int32(&mut self, name: &str, dims: &[usize], values: &[i32]) -> Value {
        self.tensor(name, dims, DataType::Int32, values.iter().flat_map(|v| v.to_le_bytes()).collect())
    }

    /// A constant from its values in row-major order, little endian.
    fn tensor(&mut self, name: &str, dims: &[usize], kind: DataType, raw_data: Vec<u8>) -> Value {
        self.constants.push(TensorProto {
            name: name.into(),
            dims: dims.iter().map(|&d| d as i64).collect(),
            data_type: kind as i32,
            raw_data,
            ..Default::default()
        });
        Value(name.into())
    }

    /// A node of `operator`, named `name` like its output.
    pub fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&Value],
        attributes: Vec<AttributeProto>,
    ) -> Value {
        self.nodes.push(NodeProto {
            op_type: operator.into(),
            name: name.into(),
            input: inputs.iter().map(|v| v.0.clone()).collect(),
            output: vec![name.into()],
            attribute: attributes,
            ..Default::default()
        });
        Value(name.into())
    }

    /// The model file: `name` with one input and one output.
    #[must_use]
    pub fn finish(self, name: &str, input: (&str, &[Extent]), output: (&str, &[Extent])) -> ModelProto {
        ModelProto {
            ir_version: IR_VERSION,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: OPSET }],
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(GraphProto {
                name: name.into(),
                node: self.nodes,
                initializer: self.constants,
                input: vec![value_info(input.0, input.1)],
                output: vec![value_info(output.0, output.1)],
                ..Default::default()
            }),
            ..Default::default()
        }
    }
}
