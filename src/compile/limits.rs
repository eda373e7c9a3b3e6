//! What the model format can hold, checked before anything expensive.

use ringfence_runtime::format::layout::{CHANNEL_GROUP, MAX_CLASSES, MAX_DEPTH, MAX_OPS, MAX_TENSORS};

use super::error::CompileError;
use super::network::{Kind, Layer, Network};
use super::options::Options;
use crate::data::Dataset;
use crate::onnx::{Graph, Shape};

/// Channels of the image, which must be of the data set's shape.
pub fn check_image(graph: &Graph, data: Option<&dyn Dataset>) -> Result<usize, CompileError> {
    let (channels, height, width) = match graph.nodes[0].shape {
        Shape::Map { channels, height, width } => (channels, height, width),
        Shape::Vector(features) => (features, 1, 1),
    };
    let Some(data) = data else { return Ok(channels) };
    let shape = data.shape();
    if (shape.channels, shape.height, shape.width) == (channels, height, width) {
        return Ok(channels);
    }
    Err(CompileError::Mismatch(format!(
        "images of {} are {shape}, the model's input {} is {channels}x{height}x{width}",
        data.name(),
        graph.nodes[0].name
    )))
}

/// Every number of the network fits its field in the file.
pub fn check(network: &Network) -> Result<(), CompileError> {
    let whole = |what, found, most| limit("of the network", what, found, most);
    whole("tensors", network.tensors.len(), MAX_TENSORS)?;
    whole("layers", network.layers.len(), MAX_OPS)?;
    for layer in &network.layers {
        check_layer(network, layer)?;
    }
    Ok(())
}

fn check_layer(network: &Network, layer: &Layer) -> Result<(), CompileError> {
    let (byte, word) = (usize::from(u8::MAX), usize::from(u16::MAX));
    let fits = |what, found, most| limit(&layer.name, what, found, most);
    fits("border", network.tensors[layer.input].border, byte)?;
    if let Some(output) = layer.output {
        let output = &network.tensors[output];
        fits("channels", output.channels, word)?;
        fits("side", output.height.max(output.width), word)?;
    }
    if let Kind::Conv { window, .. } | Kind::Logits { window } = &layer.kind {
        let (_, rows, columns, channels) = window.weight.dim();
        fits("kernel side", rows.max(columns), byte)?;
        fits("stride", window.strides.0.max(window.strides.1), byte)?;
        fits("padding", window.padding.top.max(window.padding.left), byte)?;
        fits("kernel volume", rows * columns * channels.next_multiple_of(CHANNEL_GROUP), MAX_DEPTH)?;
    }
    Ok(())
}

fn limit(layer: &str, what: &'static str, found: usize, most: usize) -> Result<(), CompileError> {
    if found <= most {
        return Ok(());
    }
    Err(CompileError::TooLarge { layer: layer.to_owned(), what, found, most })
}

/// Names of the classes, as many as the network has logits: by options, by the data set, or else their numbers.
pub fn class_names(
    network: &Network,
    data: Option<&dyn Dataset>,
    options: &Options,
) -> Result<Vec<String>, CompileError> {
    let fail = |reason| Err(CompileError::Option { option: "--classes", reason });
    let classes = network.classes();
    if !(2..=MAX_CLASSES).contains(&classes) {
        return fail(format!("the model has {classes} classes, expected 2 to {MAX_CLASSES}"));
    }
    let numbers: Vec<String> = (0..classes).map(|class| class.to_string()).collect();
    let names = match data {
        _ if !options.classes.is_empty() => &options.classes,
        Some(data) => data.classes(),
        None => &numbers,
    };
    if names.len() != classes {
        return fail(format!("{} names for the model's {classes} classes", names.len()));
    }
    match names.iter().find(|name| name.len() > usize::from(u8::MAX)) {
        Some(name) => fail(format!("{name:?} is longer than 255 bytes")),
        None => Ok(names.to_vec()),
    }
}
