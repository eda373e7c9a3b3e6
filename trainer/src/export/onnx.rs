//! A trained network as an ONNX file.
//!
//! Standard operators only, batch normalisation unfolded and the input normalisation inside:
//! `image` `[N, C, H, W]` in `[0, 1]` -> Sub, Div -> Conv, BatchNormalization, Relu, Add ->
//! GlobalAveragePool, Flatten, Gemm -> `logits` `[N, classes]`.

use super::graph::{Extent, Graph, Value, float, int, ints};
use crate::error::Error;
use crate::nets::{ConvNorm, NetSpec, Network, ResNet};
use burn::tensor::Tensor;
use prost::Message;

/// Row-major values of a tensor.
///
/// # Errors
/// When they are not of type f32.
pub(crate) fn floats<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    tensor
        .into_data()
        .try_into_vec()
        .map_err(|e| Error::Settings(format!("a weight is not of type f32: {e:?}")))
}

/// The bytes of the ONNX file of `net`, which is not on an autodiff device.
///
/// # Errors
/// When a weight is not of type f32.
pub fn to_onnx(net: &Network, spec: &NetSpec, name: &str) -> Result<Vec<u8>, Error> {
    match net {
        Network::ResNet(net) => residual(net, spec, name),
    }
}

fn residual(net: &ResNet, spec: &NetSpec, name: &str) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::default();
    let channels = spec.input[0];
    let mean = graph.constant("input.mean", &[1, channels, 1, 1], &spec.mean);
    let deviation = graph.constant("input.deviation", &[1, channels, 1, 1], &spec.deviation);
    let x = graph.node("Sub", "input.centred", &[&Graph::input("image"), &mean], vec![]);
    let x = graph.node("Div", "input.normalised", &[&x, &deviation], vec![]);
    let x = conv_norm(&mut graph, "stem", &net.stem, &x)?;
    let mut x = graph.node("Relu", "stem.relu", &[&x], vec![]);
    for (i, block) in net.blocks.iter().enumerate() {
        let name = |part: &str| format!("block{i}.{part}");
        let h = conv_norm(&mut graph, &name("first"), &block.first, &x)?;
        let h = graph.node("Relu", &name("first.relu"), &[&h], vec![]);
        let h = conv_norm(&mut graph, &name("second"), &block.second, &h)?;
        let shortcut = match &block.shortcut {
            Some(layer) => conv_norm(&mut graph, &name("shortcut"), layer, &x)?,
            None => x,
        };
        let sum = graph.node("Add", &name("sum"), &[&h, &shortcut], vec![]);
        x = graph.node("Relu", &name("relu"), &[&sum], vec![]);
    }
    let x = graph.node("GlobalAveragePool", "pool", &[&x], vec![]);
    let x = graph.node("Flatten", "flatten", &[&x], vec![int("axis", 1)]);
    head(&mut graph, net, &x)?;
    let [c, h, w] = spec.input.map(Extent::Fixed);
    let batch = Extent::Symbol("N");
    let model = graph.finish(
        name,
        ("image", &[batch, c, h, w]),
        ("logits", &[batch, Extent::Fixed(spec.classes.len())]),
    );
    Ok(model.encode_to_vec())
}

fn conv_norm(graph: &mut Graph, name: &str, layer: &ConvNorm, x: &Value) -> Result<Value, Error> {
    let [out, inputs, side, _] = layer.conv.weight.shape().dims();
    let weight = floats(layer.conv.weight.val())?;
    let weight = graph.constant(&format!("{name}.weight"), &[out, inputs, side, side], &weight);
    let attributes = vec![
        ints("kernel_shape", &[side, side]),
        ints("strides", &layer.conv.stride),
        ints("pads", &[side / 2; 4]),
        ints("dilations", &[1, 1]),
        int("group", 1),
    ];
    let y = graph.node("Conv", &format!("{name}.conv"), &[x, &weight], attributes);
    let norm = &layer.norm;
    let parameters = [
        ("gamma", norm.gamma.val()),
        ("beta", norm.beta.val()),
        ("mean", norm.running_mean.value_sync()),
        ("variance", norm.running_var.value_sync()),
    ];
    let mut inputs = vec![y];
    for (part, tensor) in parameters {
        inputs.push(graph.constant(&format!("{name}.{part}"), &[out], &floats(tensor)?));
    }
    let inputs: Vec<&Value> = inputs.iter().collect();
    let epsilon = vec![float("epsilon", norm.epsilon as f32)];
    Ok(graph.node("BatchNormalization", &format!("{name}.norm"), &inputs, epsilon))
}

fn head(graph: &mut Graph, net: &ResNet, x: &Value) -> Result<Value, Error> {
    let [inputs, classes] = net.head.weight.shape().dims();
    let weight = graph.constant("head.weight", &[inputs, classes], &floats(net.head.weight.val())?);
    let bias = match &net.head.bias {
        Some(bias) => floats(bias.val())?,
        None => vec![0.0; classes],
    };
    let bias = graph.constant("head.bias", &[classes], &bias);
    Ok(graph.node("Gemm", "logits", &[x, &weight, &bias], vec![]))
}
