//! A trained network as an ONNX file.
//!
//! Standard operators only, batch normalisation unfolded and the input normalisation inside:
//! `image` `[N, C, H, W]` in `[0, 1]` -> Sub, Div -> Conv, BatchNormalization, Relu, Add, MaxPool ->
//! GlobalAveragePool, Flatten, Gemm -> `logits` `[N, classes]`.

use super::graph::{Extent, Graph, int, ints};
use super::layers::{conv, conv_norm, enter, linear, norm, pooled_head, relu};
use crate::error::Error;
use crate::nets::{Cnn, NetSpec, Network, PreActNet, ResNet};
use prost::Message;

/// The bytes of the ONNX file of `net`, which is not on an autodiff device. Noise on the pixels is left out: it
/// is the caller's to draw.
///
/// # Errors
/// When the network has noise on weights, activations or the learned noise on the image, which a file of
/// constants cannot hold; when a weight is not of type f32.
pub fn to_onnx(net: &Network, spec: &NetSpec, name: &str) -> Result<Vec<u8>, Error> {
    if spec.noise.is_inside() {
        return Err(Error::Settings(format!(
            "noise {}: an ONNX file holds a network without noise of its own, or with input:SIGMA, \
             which whoever runs the file draws",
            spec.noise
        )));
    }
    let mut graph = Graph::default();
    match net {
        Network::ResNet(net) => residual(&mut graph, net, spec)?,
        Network::PreAct(net) => pre_activation(&mut graph, net, spec)?,
        Network::Cnn(net) => plain(&mut graph, net, spec)?,
    }
    let [c, h, w] = spec.input.map(Extent::Fixed);
    let batch = Extent::Symbol("N");
    let model = graph.finish(
        name,
        ("image", &[batch, c, h, w]),
        ("logits", &[batch, Extent::Fixed(spec.classes.len())]),
    );
    Ok(model.encode_to_vec())
}

fn residual(graph: &mut Graph, net: &ResNet, spec: &NetSpec) -> Result<(), Error> {
    let x = enter(graph, spec);
    let x = conv_norm(graph, "stem", &net.stem, &x)?;
    let mut x = relu(graph, "stem.relu", &x);
    for (i, block) in net.blocks.iter().enumerate() {
        let name = |part: &str| format!("block{i}.{part}");
        let h = conv_norm(graph, &name("first"), &block.first, &x)?;
        let h = relu(graph, &name("first.relu"), &h);
        let h = conv_norm(graph, &name("second"), &block.second, &h)?;
        let shortcut = match &block.shortcut {
            Some(layer) => conv_norm(graph, &name("shortcut"), layer, &x)?,
            None => x,
        };
        let sum = graph.node("Add", &name("sum"), &[&h, &shortcut], vec![]);
        x = relu(graph, &name("relu"), &sum);
    }
    pooled_head(graph, &net.head, &x)
}

fn pre_activation(graph: &mut Graph, net: &PreActNet, spec: &NetSpec) -> Result<(), Error> {
    let x = enter(graph, spec);
    let mut x = conv(graph, "stem", &net.stem.conv, &x)?;
    for (i, block) in net.blocks.iter().enumerate() {
        let name = |part: &str| format!("block{i}.{part}");
        let a = norm(graph, &name("input"), &block.norm, &x)?;
        let a = relu(graph, &name("input.relu"), &a);
        let h = conv_norm(graph, &name("first"), &block.first, &a)?;
        let h = relu(graph, &name("first.relu"), &h);
        let h = conv(graph, &name("second"), &block.second.conv, &h)?;
        let shortcut = match &block.shortcut {
            Some(layer) => conv(graph, &name("shortcut"), &layer.conv, &a)?,
            None => x,
        };
        x = graph.node("Add", &name("sum"), &[&h, &shortcut], vec![]);
    }
    let x = norm(graph, "last", &net.norm, &x)?;
    let x = relu(graph, "last.relu", &x);
    pooled_head(graph, &net.head, &x)
}

fn plain(graph: &mut Graph, net: &Cnn, spec: &NetSpec) -> Result<(), Error> {
    let mut x = enter(graph, spec);
    for (i, stage) in net.stages.iter().enumerate() {
        for (j, layer) in stage.iter().enumerate() {
            let name = format!("stage{i}.{j}");
            x = conv(graph, &name, &layer.conv, &x)?;
            x = relu(graph, &format!("{name}.relu"), &x);
        }
        let attributes = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
        x = graph.node("MaxPool", &format!("stage{i}.pool"), &[&x], attributes);
    }
    x = graph.node("Flatten", "flatten", &[&x], vec![int("axis", 1)]);
    for (i, layer) in net.dense.iter().enumerate() {
        if i + 1 == net.dense.len() {
            x = linear(graph, "head", "logits", &layer.linear, &x)?;
        } else {
            let name = format!("hidden{i}");
            x = linear(graph, &name, &format!("{name}.gemm"), &layer.linear, &x)?;
            x = relu(graph, &format!("{name}.relu"), &x);
        }
    }
    Ok(())
}
