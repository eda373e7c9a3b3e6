//! Walks the nodes of an ONNX graph in order and makes the float graph.

use std::collections::HashMap;
use std::rc::Rc;

use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dim;
use tract_onnx::pb::type_proto::Value as Type;
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};

use super::constant::Constant;
use super::error::OnnxError;
use super::graph::{Graph, MAX_SIDE, Node, Op, Shape};
use super::site::{Made, Site, Value};
use super::{Reason, arithmetic, dimensions, layers, pooling, quantisation, shaping, upsampling};

/// First operator set in which element-wise operators broadcast as they do today.
const FIRST_OPSET: i64 = 7;

/// Reads the main graph of `model`.
pub fn read(model: &ModelProto) -> Result<Graph, OnnxError> {
    let graph = model.graph.as_ref().ok_or_else(|| OnnxError::Model("holds no graph".into()))?;
    check_opset(model)?;
    let mut reader = Reader { nodes: Vec::new(), values: HashMap::new() };
    reader.initializers(graph)?;
    reader.input(graph)?;
    for proto in &graph.node {
        reader.node(proto)?;
    }
    reader.finish(graph)
}

fn check_opset(model: &ModelProto) -> Result<(), OnnxError> {
    let found = model.opset_import.iter().find(|set| is_standard(&set.domain)).map(|set| set.version);
    match found {
        Some(version) if version >= FIRST_OPSET => Ok(()),
        Some(version) => {
            Err(OnnxError::Model(format!("operator set {version}, expected {FIRST_OPSET} or later")))
        }
        None => Err(OnnxError::Model("names no operator set".into())),
    }
}

fn is_standard(domain: &str) -> bool {
    domain.is_empty() || domain == "ai.onnx"
}

struct Reader {
    nodes: Vec<Node>,
    values: HashMap<String, Value>,
}

impl Reader {
    fn initializers(&mut self, graph: &GraphProto) -> Result<(), OnnxError> {
        if let Some(sparse) = graph.sparse_initializer.first() {
            let name = sparse.values.as_ref().map(|t| t.name.as_str()).unwrap_or_default();
            return Err(OnnxError::Model(format!("tensor {name} is sparse")));
        }
        for tensor in &graph.initializer {
            let constant = Constant::decode(&tensor.name, tensor).map_err(OnnxError::Model)?;
            self.values.insert(tensor.name.clone(), Value::Constant(Rc::new(constant)));
        }
        Ok(())
    }

    /// The one graph input that has no initializer is the image.
    fn input(&mut self, graph: &GraphProto) -> Result<(), OnnxError> {
        let free: Vec<&ValueInfoProto> =
            graph.input.iter().filter(|input| !self.values.contains_key(&input.name)).collect();
        let [input] = free.as_slice() else {
            let names: Vec<&str> = free.iter().map(|input| input.name.as_str()).collect();
            return Err(OnnxError::Model(format!("expected one input, found {names:?}")));
        };
        let shape = image_shape(input)
            .map_err(|reason| OnnxError::Model(format!("input {}: {reason}", input.name)))?;
        self.nodes.push(Node {
            name: input.name.clone(),
            op_type: "Input".into(),
            absorbed: Vec::new(),
            value: input.name.clone(),
            op: Op::Input,
            inputs: Vec::new(),
            shape,
        });
        self.values.insert(input.name.clone(), Value::Node(0));
        Ok(())
    }

    fn node(&mut self, proto: &NodeProto) -> Result<(), OnnxError> {
        let output = proto.output.first().filter(|name| !name.is_empty()).cloned().unwrap_or_default();
        let name = if proto.name.is_empty() { output.clone() } else { proto.name.clone() };
        let mut site = self.site(proto, &name)?;
        let shape = site.shapes();
        let made = dispatch(proto, &output, &mut site).and_then(|made| {
            site.attributes.finish()?;
            if output.is_empty() { Err("has no output".to_owned()) } else { Ok(made) }
        });
        let value = match made.map(|made| self.merged(made)) {
            Ok(Made::Same(value)) => value,
            Ok(Made::Layer { op, inputs, shape }) => {
                let op_type = proto.op_type.clone();
                let absorbed = Vec::new();
                self.nodes.push(Node {
                    name,
                    op_type,
                    absorbed,
                    value: output.clone(),
                    op: *op,
                    inputs,
                    shape,
                });
                Value::Node(self.nodes.len() - 1)
            }
            Err(reason) => {
                return Err(OnnxError::Unsupported { node: name, op: proto.op_type.clone(), shape, reason });
            }
        };
        match self.values.insert(output.clone(), value) {
            None => Ok(()),
            Some(_) => Err(OnnxError::Model(format!("value {output} is defined twice"))),
        }
    }

    /// Some exporters give each reader of a quantised value its own DequantizeLinear: those are one node.
    fn merged(&self, made: Made) -> Made {
        let Made::Layer { op, inputs, .. } = &made else { return made };
        let same =
            |node: &Node| matches!(node.op, Op::Quantise(_)) && node.op == **op && node.inputs == *inputs;
        self.nodes.iter().position(same).map_or(made, |id| Made::Same(Value::Node(id)))
    }

    fn site<'a>(&self, proto: &'a NodeProto, name: &str) -> Result<Site<'a>, OnnxError> {
        let mut inputs = Vec::with_capacity(proto.input.len());
        for input in &proto.input {
            if input.is_empty() {
                inputs.push(None);
                continue;
            }
            let value = self.values.get(input).ok_or_else(|| {
                OnnxError::Model(format!("node {name} reads {input}, which nothing before it defines"))
            })?;
            let shape = match value {
                Value::Node(id) | Value::Integers(id, _) => Some(self.nodes[*id].shape),
                Value::Constant(_) => None,
            };
            inputs.push(Some((value.clone(), shape)));
        }
        Ok(Site::new(proto, inputs))
    }

    fn finish(self, graph: &GraphProto) -> Result<Graph, OnnxError> {
        let [output] = graph.output.as_slice() else {
            let names: Vec<&str> = graph.output.iter().map(|output| output.name.as_str()).collect();
            return Err(OnnxError::Model(format!("expected one output, found {names:?}")));
        };
        match self.values.get(&output.name) {
            Some(Value::Node(id)) => Ok(Graph { nodes: self.nodes, output: *id }.pruned()),
            Some(Value::Constant(_)) => {
                Err(OnnxError::Model(format!("output {} is a constant", output.name)))
            }
            Some(Value::Integers(..)) => {
                Err(OnnxError::Model(format!("output {} is quantised, expected floats", output.name)))
            }
            None => Err(OnnxError::Model(format!("nothing defines the output {}", output.name))),
        }
    }
}

/// Shape of the image: float, `[N, C, H, W]`, N open or 1.
fn image_shape(input: &ValueInfoProto) -> Reason<Shape> {
    let Some(Type::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Err("has no tensor type".into());
    };
    if tensor.elem_type != DataType::Float as i32 {
        let found = DataType::try_from(tensor.elem_type).map_or("unknown", |kind| kind.as_str_name());
        return Err(format!("expected type FLOAT, found {found}"));
    }
    let dims: Vec<Option<i64>> = tensor.shape.iter().flat_map(|shape| &shape.dim).map(fixed).collect();
    let shown = || {
        let dims: Vec<String> =
            dims.iter().map(|dim| dim.map_or("?".to_owned(), |dim| dim.to_string())).collect();
        format!("[{}]", dims.join(", "))
    };
    let [batch, sides @ ..] = dims.as_slice() else { return Err("has no shape".into()) };
    if !matches!(batch, None | Some(1)) {
        return Err(format!("shape {}: export the model with a batch of 1 or an open batch axis", shown()));
    }
    let side = |side: &Option<i64>| {
        side.and_then(|side| usize::try_from(side).ok()).filter(|side| (1..=MAX_SIDE).contains(side))
    };
    match sides.iter().map(side).collect::<Option<Vec<usize>>>().as_deref() {
        Some(&[channels, height, width]) => Ok(Shape::Map { channels, height, width }),
        _ => Err(format!("shape {}, expected [N, C, H, W] with fixed C, H and W up to {MAX_SIDE}", shown())),
    }
}

fn fixed(dim: &tract_onnx::pb::tensor_shape_proto::Dimension) -> Option<i64> {
    match dim.value {
        Some(Dim::DimValue(value)) => Some(value),
        _ => None,
    }
}

fn dispatch(proto: &NodeProto, output: &str, site: &mut Site<'_>) -> Reason<Made> {
    if !is_standard(&proto.domain) {
        return Err(format!("operator of the foreign domain {}", proto.domain));
    }
    match proto.op_type.as_str() {
        "Conv" => layers::conv(site),
        "Gemm" => layers::gemm(site),
        "MatMul" => layers::mat_mul(site),
        "BatchNormalization" => layers::batch_normalization(site),
        "Relu" => layers::relu(site),
        "LeakyRelu" => layers::leaky_relu(site),
        "Sigmoid" => layers::sigmoid(site),
        "Add" => arithmetic::add(site),
        "Sub" => arithmetic::sub(site),
        "Mul" => arithmetic::mul(site),
        "Div" => arithmetic::div(site),
        "GlobalAveragePool" => pooling::global_average_pool(site),
        "AveragePool" => pooling::average_pool(site),
        "MaxPool" => pooling::max_pool(site),
        "Resize" => upsampling::resize(site),
        "ReduceMean" => pooling::reduce_mean(site),
        "Flatten" => shaping::flatten(site),
        "Reshape" => shaping::reshape(site),
        "Squeeze" => shaping::squeeze(site),
        "Pad" => shaping::pad(site),
        "Identity" => site.value(0).map(Made::Same),
        "Dropout" => shaping::dropout(site),
        "Constant" => shaping::constant(site, output),
        "Shape" => dimensions::shape(site, output),
        "Gather" => dimensions::gather(site, output),
        "Unsqueeze" => dimensions::unsqueeze(site, output),
        "Concat" if site.is_computed(0) => shaping::concat(site),
        "Concat" => dimensions::concat(site, output),
        "Cast" => dimensions::cast(site),
        "QuantizeLinear" => quantisation::quantize(site, output),
        "DequantizeLinear" => quantisation::dequantize(site, output),
        _ => Err("the operator is not supported".into()),
    }
}
