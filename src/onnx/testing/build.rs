//! ONNX files made by hand.

use prost::Message;
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

/// A graph with one input `x`.
pub struct Builder {
    /// The graph so far, open to damage by tests.
    pub graph: GraphProto,
    /// Operator set.
    pub opset: i64,
}

impl Builder {
    /// Starts with an image `[N, channels, height, width]`, N open.
    pub fn new(image: [usize; 3]) -> Self {
        let mut dims = vec![dimension::Value::DimParam("N".into())];
        dims.extend(image.map(|side| dimension::Value::DimValue(side as i64)));
        let input = value_info("x", dims);
        Self { graph: GraphProto { input: vec![input], ..GraphProto::default() }, opset: 17 }
    }

    /// Adds a float initializer (raw bytes) and returns its name.
    pub fn weights(&mut self, dims: &[usize], values: &[f32]) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        self.graph.initializer.push(tensor(&name, dims, values));
        name
    }

    /// Adds an integer initializer (typed field) and returns its name.
    pub fn integers(&mut self, values: &[i64]) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: vec![values.len() as i64],
            data_type: DataType::Int64 as i32,
            int64_data: values.to_vec(),
            ..TensorProto::default()
        });
        name
    }

    /// Adds an initializer of any integer type (INT8, UINT8, INT32, typed field) and returns its name.
    pub fn typed(&mut self, kind: DataType, dims: &[usize], values: &[i32]) -> String {
        let name = format!("w{}", self.graph.initializer.len());
        self.graph.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|dim| *dim as i64).collect(),
            data_type: kind as i32,
            int32_data: values.to_vec(),
            ..TensorProto::default()
        });
        name
    }

    /// QuantizeLinear and DequantizeLinear with one scale and a zero point of type UINT8.
    pub fn levels(&mut self, x: &str, scale: f32, zero_point: u8) -> String {
        let scale = self.weights(&[], &[scale]);
        let zero = self.typed(DataType::Uint8, &[], &[zero_point.into()]);
        let q = self.node("QuantizeLinear", &[x, &scale, &zero], vec![]);
        self.node("DequantizeLinear", &[&q, &scale, &zero], vec![])
    }

    /// Integer weights of type INT8 behind a DequantizeLinear with one scale for each entry of `axis`.
    pub fn integer_weights(&mut self, dims: &[usize], values: &[i32], scales: &[f32], axis: i64) -> String {
        let weights = self.typed(DataType::Int8, dims, values);
        let zeros = self.typed(DataType::Int8, &[scales.len()], &vec![0; scales.len()]);
        let scales = self.weights(&[scales.len()], scales);
        self.node("DequantizeLinear", &[&weights, &scales, &zeros], vec![int("axis", axis)])
    }

    /// Adds a node named `n<index>` and returns the name of its output.
    pub fn node(&mut self, op: &str, inputs: &[&str], attributes: Vec<AttributeProto>) -> String {
        let index = self.graph.node.len();
        let output = format!("v{index}");
        self.graph.node.push(NodeProto {
            name: format!("n{index}"),
            op_type: op.into(),
            input: inputs.iter().map(|name| name.to_string()).collect(),
            output: vec![output.clone()],
            attribute: attributes,
            ..NodeProto::default()
        });
        output
    }

    /// The file, with `output` as the graph's output.
    pub fn finish(mut self, output: &str) -> Vec<u8> {
        self.graph.output = vec![value_info(output, Vec::new())];
        self.graph.output[0].r#type = None;
        ModelProto {
            ir_version: 8,
            opset_import: vec![OperatorSetIdProto { domain: String::new(), version: self.opset }],
            graph: Some(self.graph),
            ..ModelProto::default()
        }
        .encode_to_vec()
    }
}

fn value_info(name: &str, dims: Vec<dimension::Value>) -> ValueInfoProto {
    let dim =
        dims.into_iter().map(|value| Dimension { value: Some(value), ..Dimension::default() }).collect();
    let tensor =
        type_proto::Tensor { elem_type: DataType::Float as i32, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto {
        name: name.into(),
        r#type: Some(TypeProto {
            value: Some(type_proto::Value::TensorType(tensor)),
            ..TypeProto::default()
        }),
        ..ValueInfoProto::default()
    }
}

/// A float tensor with raw bytes.
pub fn tensor(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.iter().map(|dim| *dim as i64).collect(),
        data_type: DataType::Float as i32,
        raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        ..TensorProto::default()
    }
}

/// An attribute that is a list of integers.
pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}

/// An attribute that is an integer.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Int as i32,
        i: value,
        ..AttributeProto::default()
    }
}

/// An attribute that is a float.
pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Float as i32,
        f: value,
        ..AttributeProto::default()
    }
}

/// An attribute that is a string.
pub fn string(name: &str, value: &str) -> AttributeProto {
    let s = value.as_bytes().to_vec();
    AttributeProto { name: name.into(), r#type: AttributeType::String as i32, s, ..AttributeProto::default() }
}
