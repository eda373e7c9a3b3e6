//! Masks as ONNX files. A network: `image` `[N, C, H, W]` -> Pad (reflect), Conv, BatchNormalization, LeakyRelu,
//! Resize (nearest), Concat, Sigmoid -> `mask` `[N, 1, H, W]`.

use super::graph::{Extent, Graph, Value, float, int, text};
use super::layers::{conv, conv_norm, floats};
use crate::error::Error;
use crate::nets::{ConvNorm, Pair, SLOPE, StaticMask, UNet};
use prost::Message;

/// The bytes of the ONNX file of `net`, which is not on an autodiff device, for images
/// `[channels, height, width]`.
///
/// # Errors
/// When a weight is not of type f32.
pub fn unet_to_onnx(net: &UNet, input: [usize; 3], name: &str) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::default();
    let border = graph.integers("border", &[0, 0, 1, 1, 0, 0, 1, 1]);
    let scales = graph.constant("scales", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let (mut x, mut seen) = (Graph::input("image"), vec![]);
    for (i, level) in net.down.iter().enumerate() {
        let detail = pair(&mut graph, &format!("down{i}"), &level.pair, &border, &x)?;
        x = step(&mut graph, &format!("down{i}.halve"), &level.halve, &border, &detail)?;
        seen.push(detail);
    }
    x = pair(&mut graph, "bottom", &net.bottom, &border, &x)?;
    for (i, (level, detail)) in net.up.iter().zip(seen.iter().rev()).enumerate() {
        let name = |part: &str| format!("up{i}.{part}");
        let nearest = vec![
            text("mode", "nearest"),
            text("coordinate_transformation_mode", "asymmetric"),
            text("nearest_mode", "floor"),
        ];
        let wide = graph.node("Resize", &name("double"), &[&x, &Graph::absent(), &scales], nearest);
        let wide = conv(&mut graph, &name("narrow"), &level.narrow.conv, &wide)?;
        let both = graph.node("Concat", &name("concat"), &[&wide, detail], vec![int("axis", 1)]);
        x = pair(&mut graph, &name("pair"), &level.pair, &border, &both)?;
    }
    let x = conv(&mut graph, "out", &net.out.conv, &x)?;
    graph.node("Sigmoid", "mask", &[&x], vec![]);
    Ok(finish(graph, input, name))
}

/// The bytes of the ONNX file of a static mask, which is not on an autodiff device, for images
/// `[channels, height, width]`: `image` -> Conv (with nothing), Add -> `mask`, the same for every image of the batch.
///
/// # Errors
/// When the plane is not of type f32.
pub fn plane_to_onnx(mask: &StaticMask, input: [usize; 3], name: &str) -> Result<Vec<u8>, Error> {
    let mut graph = Graph::default();
    let [channels, height, width] = input;
    let nothing = graph.constant("nothing", &[1, channels, 1, 1], &vec![0.0; channels]);
    let empty = graph.node("Conv", "empty", &[&Graph::input("image"), &nothing], vec![]);
    let plane = graph.constant("plane", &[1, 1, height, width], &floats(mask.plane.val())?);
    graph.node("Add", "mask", &[&empty, &plane], vec![]);
    Ok(finish(graph, input, name))
}

fn finish(graph: Graph, input: [usize; 3], name: &str) -> Vec<u8> {
    let (batch, [c, h, w]) = (Extent::Symbol("N"), input.map(Extent::Fixed));
    let model = graph.finish(name, ("image", &[batch, c, h, w]), ("mask", &[batch, Extent::Fixed(1), h, w]));
    model.encode_to_vec()
}

fn step(graph: &mut Graph, name: &str, layer: &ConvNorm, border: &Value, x: &Value) -> Result<Value, Error> {
    let x = graph.node("Pad", &format!("{name}.pad"), &[x, border], vec![text("mode", "reflect")]);
    let x = conv_norm(graph, name, layer, &x)?;
    Ok(graph.node("LeakyRelu", &format!("{name}.leaky"), &[&x], vec![float("alpha", SLOPE as f32)]))
}

fn pair(graph: &mut Graph, name: &str, layers: &Pair, border: &Value, x: &Value) -> Result<Value, Error> {
    let x = step(graph, &format!("{name}.first"), &layers.first, border, x)?;
    step(graph, &format!("{name}.second"), &layers.second, border, &x)
}
