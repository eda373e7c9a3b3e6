//! A small network that knows a little about signs: random convolutions, and a nearest-centroid classifier fitted on a
//! few hundred training images. Its votes are neither unanimous nor random, which is what the tests need.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use prost::Message;
use ringfence::compile::{Options, compile};
use ringfence::data::{self, Dataset, Split};
use ringfence::onnx::{self, FloatModel};
use tract_onnx::pb::attribute_proto::AttributeType;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::{Dimension, dimension};
use tract_onnx::pb::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, type_proto,
};

const FEATURES: usize = 24;
const CLASSES: usize = 16;
/// Channels, rows, columns of a sign.
pub const IMAGE: [usize; 3] = [3, 32, 32];

/// The compiled model in a file of this test run.
pub fn model() -> &'static Path {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    MODEL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (path, fresh) = (folder.join("tiny.rfm"), folder.join(format!("tiny-{}", std::process::id())));
        // Another test run may be reading the old file.
        std::fs::write(&fresh, bytes()).unwrap();
        std::fs::rename(fresh, &path).unwrap();
        path
    })
}

/// The bytes of the compiled model.
pub fn bytes() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| compiled(Options { images: 32, ..Options::new(0.1) }))
}

/// The network, compiled as asked for.
pub fn compiled(options: Options) -> Vec<u8> {
    let train = data::open("signs", Split::Train).unwrap();
    compile(onnx(), "tiny", train.as_ref(), &options).unwrap()
}

/// The network in ONNX.
pub fn onnx() -> &'static [u8] {
    static ONNX: OnceLock<Vec<u8>> = OnceLock::new();
    ONNX.get_or_init(|| classifier(data::open("signs", Split::Train).unwrap().as_ref()))
}

/// A network from images to masks of the same size that are neither empty nor full.
pub fn mask(image: [usize; 3]) -> Vec<u8> {
    let mut graph = Graph::default();
    let x = graph.conv("x", [8, 3], 1);
    let x = graph.node("LeakyRelu", &[&x], vec![]);
    let x = graph.conv(&x, [1, 8], 1);
    let x = graph.node("Sigmoid", &[&x], vec![]);
    graph.finish(&x, image)
}

/// Features, then `2 mu_c f - |mu_c|^2` for each class: the nearest centroid has the largest logit.
pub fn classifier(train: &dyn Dataset) -> Vec<u8> {
    let shape = train.shape();
    let image = [shape.channels, shape.height, shape.width];
    let mut graph = Graph::default();
    let features = graph.features();
    let (weights, bias) = centroids(train, &graph.clone().finish(&features, image), &features);
    let flat = graph.node("Flatten", &[&features], vec![]);
    let weights = graph.weights(&[CLASSES, FEATURES], weights);
    let bias = graph.weights(&[CLASSES], bias);
    let logits = graph.node("Gemm", &[&flat, &weights, &bias], vec![transposed()]);
    graph.finish(&logits, image)
}

/// A linear network whose classes 0 and 1 meet in the plane through grey (128) across a unit `normal`; class 1 lies
/// where the normal points, the other classes nowhere.
pub fn plane(image: [usize; 3], classes: usize, normal: &[f32]) -> Vec<u8> {
    let mut graph = Graph::default();
    let flat = graph.node("Flatten", &["x"], vec![]);
    let grey = normal.iter().sum::<f32>() * 128.0 / 255.0;
    let mut weights = vec![0.0; classes * normal.len()];
    for (i, n) in normal.iter().enumerate() {
        (weights[i], weights[normal.len() + i]) = (-n, *n);
    }
    let weights = graph.weights(&[classes, normal.len()], weights);
    let bias = (0..classes).map(|class| [grey, -grey].get(class).copied().unwrap_or(-5.0)).collect();
    let bias = graph.weights(&[classes], bias);
    let logits = graph.node("Gemm", &[&flat, &weights, &bias], vec![transposed()]);
    graph.finish(&logits, image)
}

fn transposed() -> AttributeProto {
    AttributeProto {
        name: "transB".into(),
        r#type: AttributeType::Int as i32,
        i: 1,
        ..AttributeProto::default()
    }
}

fn centroids(train: &dyn Dataset, onnx: &[u8], features: &str) -> (Vec<f32>, Vec<f32>) {
    let float = FloatModel::new(onnx, &onnx::parse(onnx).unwrap(), &[features]).unwrap();
    let mut sums = vec![0.0; CLASSES * FEATURES];
    let mut counts = [0.0_f32; CLASSES];
    let mut chw = vec![0; train.shape().bytes()];
    for index in 0..400 {
        let label = train.read(index, &mut chw).unwrap();
        let image: Vec<f32> = chw.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let values = float.run(&image).unwrap().remove(0);
        counts[label] += 1.0;
        for (sum, value) in sums[label * FEATURES..].iter_mut().zip(&values) {
            *sum += value;
        }
    }
    let mut bias = Vec::new();
    for (sum, count) in sums.chunks_exact_mut(FEATURES).zip(counts) {
        sum.iter_mut().for_each(|value| *value /= count);
        bias.push(-sum.iter().map(|value| value * value).sum::<f32>());
        sum.iter_mut().for_each(|value| *value *= 2.0);
    }
    (sums, bias)
}

/// An ONNX graph under construction.
#[derive(Clone, Default)]
struct Graph {
    proto: GraphProto,
    state: u32,
}

impl Graph {
    /// Two stages of residual shape and a global average; returns the name of the features.
    fn features(&mut self) -> String {
        let first = self.conv("x", [12, 3], 2);
        let first = self.node("Relu", &[&first], vec![]);
        let second = self.conv(&first, [12, 12], 1);
        let sum = self.node("Add", &[&second, &first], vec![]);
        let sum = self.node("Relu", &[&sum], vec![]);
        let last = self.conv(&sum, [FEATURES, 12], 2);
        let last = self.node("Relu", &[&last], vec![]);
        self.node("GlobalAveragePool", &[&last], vec![])
    }

    /// A 3x3 convolution with random weights.
    fn conv(&mut self, input: &str, [out, channels]: [usize; 2], stride: i64) -> String {
        let scale = (6.0 / (9.0 * channels as f32)).sqrt();
        let values = (0..out * channels * 9).map(|_| self.random() * scale).collect();
        let weights = self.weights(&[out, channels, 3, 3], values);
        let attributes =
            vec![ints("strides", &[stride; 2]), ints("pads", &[1; 4]), ints("kernel_shape", &[3; 2])];
        self.node("Conv", &[input, &weights], attributes)
    }

    /// A value in [-1, 1).
    fn random(&mut self) -> f32 {
        self.state = self.state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (self.state >> 8) as f32 / 8_388_608.0 - 1.0
    }

    fn weights(&mut self, dims: &[usize], values: Vec<f32>) -> String {
        let name = format!("w{}", self.proto.initializer.len());
        self.proto.initializer.push(TensorProto {
            name: name.clone(),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            data_type: DataType::Float as i32,
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ..TensorProto::default()
        });
        name
    }

    fn node(&mut self, op: &str, inputs: &[&str], attribute: Vec<AttributeProto>) -> String {
        let output = format!("v{}", self.proto.node.len());
        self.proto.node.push(NodeProto {
            name: format!("{op}{}", self.proto.node.len()),
            op_type: op.into(),
            input: inputs.iter().map(|name| (*name).into()).collect(),
            output: vec![output.clone()],
            attribute,
            ..NodeProto::default()
        });
        output
    }

    fn finish(mut self, output: &str, [channels, height, width]: [usize; 3]) -> Vec<u8> {
        let dims = [1, channels, height, width].map(|side| Dimension {
            value: Some(dimension::Value::DimValue(side as i64)),
            ..Dimension::default()
        });
        let tensor = type_proto::Tensor {
            elem_type: DataType::Float as i32,
            shape: Some(TensorShapeProto { dim: dims.to_vec() }),
        };
        let r#type =
            Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() });
        self.proto.input = vec![ValueInfoProto { name: "x".into(), r#type, ..ValueInfoProto::default() }];
        self.proto.output = vec![ValueInfoProto { name: output.into(), ..ValueInfoProto::default() }];
        let opset_import = vec![OperatorSetIdProto { domain: String::new(), version: 17 }];
        ModelProto { ir_version: 8, opset_import, graph: Some(self.proto), ..ModelProto::default() }
            .encode_to_vec()
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        r#type: AttributeType::Ints as i32,
        ints: values.to_vec(),
        ..AttributeProto::default()
    }
}
