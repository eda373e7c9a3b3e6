//! Layers as ONNX nodes.

use super::graph::{Graph, Value, float, int, ints};
use crate::error::Error;
use crate::nets::{ConvNorm, NetSpec};
use burn::nn::conv::Conv2d;
use burn::nn::{BatchNorm, Linear, PaddingConfig2d};
use burn::tensor::Tensor;

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

/// `image`, normalised.
pub(super) fn enter(graph: &mut Graph, spec: &NetSpec) -> Value {
    let channels = spec.input[0];
    let mean = graph.constant("input.mean", &[1, channels, 1, 1], &spec.mean);
    let deviation = graph.constant("input.deviation", &[1, channels, 1, 1], &spec.deviation);
    let x = graph.node("Sub", "input.centred", &[&Graph::input("image"), &mean], vec![]);
    graph.node("Div", "input.normalised", &[&x, &deviation], vec![])
}

/// `Relu` of `x`.
pub(super) fn relu(graph: &mut Graph, name: &str, x: &Value) -> Value {
    graph.node("Relu", name, &[x], vec![])
}

/// `Conv`, with its bias if it has one, named `NAME.conv`.
pub(super) fn conv(graph: &mut Graph, name: &str, layer: &Conv2d, x: &Value) -> Result<Value, Error> {
    let [out, inputs, side, _] = layer.weight.shape().dims();
    let weight = floats(layer.weight.val())?;
    let weight = graph.constant(&format!("{name}.weight"), &[out, inputs, side, side], &weight);
    let attributes = vec![
        ints("kernel_shape", &[side, side]),
        ints("strides", &layer.stride),
        ints("pads", &[zeros_around(layer); 4]),
        ints("dilations", &[1, 1]),
        int("group", 1),
    ];
    let name_of_node = format!("{name}.conv");
    let Some(bias) = &layer.bias else {
        return Ok(graph.node("Conv", &name_of_node, &[x, &weight], attributes));
    };
    let bias = graph.constant(&format!("{name}.bias"), &[out], &floats(bias.val())?);
    Ok(graph.node("Conv", &name_of_node, &[x, &weight, &bias], attributes))
}

/// Zero pixels around the image of a convolution of this crate.
fn zeros_around(layer: &Conv2d) -> usize {
    match layer.padding {
        PaddingConfig2d::Explicit(pad, ..) => pad,
        PaddingConfig2d::Valid | PaddingConfig2d::Same => 0,
    }
}

/// `BatchNormalization` by the running statistics, named `NAME.norm`, its constants `NAME.gamma` and so on.
pub(super) fn norm(graph: &mut Graph, name: &str, norm: &BatchNorm, x: &Value) -> Result<Value, Error> {
    let [channels] = norm.gamma.shape().dims();
    let parameters = [
        ("gamma", norm.gamma.val()),
        ("beta", norm.beta.val()),
        ("mean", norm.running_mean.value_sync()),
        ("variance", norm.running_var.value_sync()),
    ];
    let mut inputs = vec![x.clone()];
    for (part, tensor) in parameters {
        inputs.push(graph.constant(&format!("{name}.{part}"), &[channels], &floats(tensor)?));
    }
    let inputs: Vec<&Value> = inputs.iter().collect();
    let epsilon = vec![float("epsilon", norm.epsilon as f32)];
    Ok(graph.node("BatchNormalization", &format!("{name}.norm"), &inputs, epsilon))
}

/// `Conv`, `BatchNormalization`.
pub(super) fn conv_norm(graph: &mut Graph, name: &str, layer: &ConvNorm, x: &Value) -> Result<Value, Error> {
    let y = conv(graph, name, &layer.conv, x)?;
    norm(graph, name, &layer.norm, &y)
}

/// `GlobalAveragePool`, `Flatten` and the classifier.
pub(super) fn pooled_head(graph: &mut Graph, layer: &Linear, x: &Value) -> Result<(), Error> {
    let x = graph.node("GlobalAveragePool", "pool", &[x], vec![]);
    let x = graph.node("Flatten", "flatten", &[&x], vec![int("axis", 1)]);
    linear(graph, "head", "logits", layer, &x).map(|_| ())
}

/// `Gemm` named `node`, its constants `NAME.weight` and `NAME.bias`.
pub(super) fn linear(
    graph: &mut Graph,
    name: &str,
    node: &str,
    layer: &Linear,
    x: &Value,
) -> Result<Value, Error> {
    let [inputs, outputs] = layer.weight.shape().dims();
    let weight = graph.constant(&format!("{name}.weight"), &[inputs, outputs], &floats(layer.weight.val())?);
    let bias = match &layer.bias {
        Some(bias) => floats(bias.val())?,
        None => vec![0.0; outputs],
    };
    let bias = graph.constant(&format!("{name}.bias"), &[outputs], &bias);
    Ok(graph.node("Gemm", node, &[x, &weight, &bias], vec![]))
}
