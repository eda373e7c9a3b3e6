//! The way back: a network from its ONNX file and card.

use super::constants::Constants;
use super::sha256;
use crate::error::Error;
use crate::nets::{Cnn, ConvNorm, Defence, Mask, NetSpec, Network, Pair, PreActNet, ResNet, UNet};
use crate::train::Settings;
use crate::train::checkpoint::State;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Device;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::fs;
use std::path::Path;

/// What is read of a card.
#[derive(Deserialize)]
struct Card {
    sha256: String,
    #[serde(flatten)]
    net: NetSpec,
    epochs: u32,
    steps: u64,
    train_seconds: f64,
    settings: Settings,
    validation_accuracy: Option<f64>,
    quantised: Option<IgnoredAny>,
    mask_network: Option<MaskFile>,
}

#[derive(Deserialize)]
struct MaskFile {
    file: String,
    sha256: String,
}

/// The network, and its mask if it has one, of the float ONNX file `onnx`, with the state that its card `NAME.json` tells; the
/// weights are those of the checkpoint it was exported from, bit for bit.
///
/// # Errors
/// Naming the file: a card that is missing or of another file, a network after `quantise`, whose weights are rounded, or
/// constants that are not those of the card's network.
pub fn restore(onnx: &Path, device: &Device) -> Result<(State, Defence), Error> {
    let file = onnx.with_extension("json");
    let text = fs::read_to_string(&file).map_err(Error::file(&file))?;
    let card: Card = serde_json::from_str(&text).map_err(Error::json(&file))?;
    if card.quantised.is_some() {
        let reason = "a network after `quantise`, whose weights are rounded: expected the float network";
        return Err(Error::Record { path: file, reason: reason.into() });
    }
    let constants = read(onnx, &card.sha256)?;
    let mut net = Network::blank(&card.net, device);
    match &mut net {
        Network::ResNet(net) => residual(&constants, net)?,
        Network::PreAct(net) => pre_activation(&constants, net)?,
        Network::Cnn(net) => plain(&constants, net)?,
    }
    let mask = match (card.net.mask, &card.mask_network) {
        (None, _) => None,
        (Some(spec), Some(MaskFile { file, sha256 })) => {
            let constants = read(&onnx.with_file_name(file), sha256)?;
            let mut mask = Mask::blank(spec, card.net.input, device);
            match &mut mask {
                Mask::UNet(net) => unet(&constants, net)?,
                Mask::Static(mask) => constants.put("plane", &mut mask.plane)?,
            }
            Some(mask)
        }
        (Some(spec), None) => {
            let reason = format!("no mask_network: expected one, for the mask is {spec}");
            return Err(Error::Record { path: file, reason });
        }
    };
    let state = State {
        epoch: card.epochs,
        step: card.steps,
        seconds: card.train_seconds,
        validation: card.validation_accuracy,
        ..State::new(&card.net, &card.settings)
    };
    Ok((state, Defence { net, mask }))
}

/// The constants of the file that a card tells the hash of.
fn read(path: &Path, expected: &str) -> Result<Constants, Error> {
    let bytes = fs::read(path).map_err(Error::file(path))?;
    let found = sha256(&bytes);
    if found != expected {
        let reason =
            format!("SHA-256 is {found}, the card says {expected}: expected the file that it is about");
        return Err(Error::Record { path: path.into(), reason });
    }
    Constants::read(path, &bytes)
}

fn conv(constants: &Constants, name: &str, conv: &mut Conv2d) -> Result<(), Error> {
    constants.put(&format!("{name}.weight"), &mut conv.weight)?;
    conv.bias.as_mut().map_or(Ok(()), |bias| constants.put(&format!("{name}.bias"), bias))
}

fn conv_norm(constants: &Constants, name: &str, layer: &mut ConvNorm) -> Result<(), Error> {
    conv(constants, name, &mut layer.conv)?;
    constants.norm(name, &mut layer.norm)
}

fn linear(constants: &Constants, name: &str, layer: &mut Linear) -> Result<(), Error> {
    constants.put(&format!("{name}.weight"), &mut layer.weight)?;
    layer.bias.as_mut().map_or(Ok(()), |bias| constants.put(&format!("{name}.bias"), bias))
}

fn residual(constants: &Constants, net: &mut ResNet) -> Result<(), Error> {
    conv_norm(constants, "stem", &mut net.stem)?;
    for (i, block) in net.blocks.iter_mut().enumerate() {
        conv_norm(constants, &format!("block{i}.first"), &mut block.first)?;
        conv_norm(constants, &format!("block{i}.second"), &mut block.second)?;
        if let Some(layer) = &mut block.shortcut {
            conv_norm(constants, &format!("block{i}.shortcut"), layer)?;
        }
    }
    linear(constants, "head", &mut net.head)
}

fn pre_activation(constants: &Constants, net: &mut PreActNet) -> Result<(), Error> {
    conv(constants, "stem", &mut net.stem.conv)?;
    for (i, block) in net.blocks.iter_mut().enumerate() {
        constants.norm(&format!("block{i}.input"), &mut block.norm)?;
        conv_norm(constants, &format!("block{i}.first"), &mut block.first)?;
        conv(constants, &format!("block{i}.second"), &mut block.second.conv)?;
        if let Some(layer) = &mut block.shortcut {
            conv(constants, &format!("block{i}.shortcut"), &mut layer.conv)?;
        }
    }
    constants.norm("last", &mut net.norm)?;
    linear(constants, "head", &mut net.head)
}

fn plain(constants: &Constants, net: &mut Cnn) -> Result<(), Error> {
    for (i, stage) in net.stages.iter_mut().enumerate() {
        for (j, layer) in stage.iter_mut().enumerate() {
            conv(constants, &format!("stage{i}.{j}"), &mut layer.conv)?;
        }
    }
    let last = net.dense.len().saturating_sub(1);
    for (i, layer) in net.dense.iter_mut().enumerate() {
        let name = if i == last { "head".into() } else { format!("hidden{i}") };
        linear(constants, &name, &mut layer.linear)?;
    }
    Ok(())
}

fn pair(constants: &Constants, name: &str, layers: &mut Pair) -> Result<(), Error> {
    conv_norm(constants, &format!("{name}.first"), &mut layers.first)?;
    conv_norm(constants, &format!("{name}.second"), &mut layers.second)
}

fn unet(constants: &Constants, net: &mut UNet) -> Result<(), Error> {
    for (i, level) in net.down.iter_mut().enumerate() {
        pair(constants, &format!("down{i}"), &mut level.pair)?;
        conv_norm(constants, &format!("down{i}.halve"), &mut level.halve)?;
    }
    pair(constants, "bottom", &mut net.bottom)?;
    for (i, level) in net.up.iter_mut().enumerate() {
        conv(constants, &format!("up{i}.narrow"), &mut level.narrow.conv)?;
        pair(constants, &format!("up{i}.pair"), &mut level.pair)?;
    }
    conv(constants, "out", &mut net.out.conv)
}
