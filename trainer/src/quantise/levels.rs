//! Levels of activations, measured once and then frozen.

use crate::error::Error;
use crate::export::to_onnx;
use crate::nets::{NetSpec, Network};
use ringfence::compile::meta::Meta;
use ringfence::compile::{Options, compile};
use ringfence::data::Dataset;
use ringfence_runtime::Model;
use serde::{Deserialize, Serialize};

/// Levels of one activation: real value = `scale * (u - zero_point)` for u in 0..=255.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Levels {
    /// Name of the activation: `input`, `stem`, `block0.first`, `block0`, .., `pool`, and `block0.second` where the
    /// shortcut is a convolution.
    pub name: String,
    /// Real value of one level.
    pub scale: f32,
    /// The level that stands for zero.
    pub zero_point: u8,
}

impl Levels {
    /// The real values of the least and the largest level.
    #[must_use]
    pub fn range(&self) -> (f32, f32) {
        (self.real(0), self.real(u8::MAX))
    }

    /// The real value of a level.
    #[must_use]
    pub fn real(&self, level: u8) -> f32 {
        self.scale * (f32::from(level) - f32::from(self.zero_point))
    }
}

/// The levels of `name`.
///
/// # Errors
/// When there are none: they belong to another network.
pub fn find<'a>(levels: &'a [Levels], name: &str) -> Result<&'a Levels, Error> {
    levels
        .iter()
        .find(|levels| levels.name == name)
        .ok_or_else(|| Error::Integer(format!("no levels of {name} are known")))
}

/// The levels that the compiler chooses for `net` (not on an autodiff device) on images of `data` under noise of
/// deviation `sigma`.
///
/// # Errors
/// What the compiler reports.
pub fn measure(
    net: &Network,
    spec: &NetSpec,
    data: &dyn Dataset,
    sigma: f64,
    images: usize,
) -> Result<Vec<Levels>, Error> {
    let options = Options { images, tables: vec![], ..Options::new(sigma) };
    let bytes = compile(&to_onnx(net, spec, "float")?, "float", data, &options)?;
    let model = Model::parse(&bytes).map_err(|error| Error::Integer(error.to_string()))?;
    let tensors = Meta::of(&model)?.tensors.into_iter();
    let levels = tensors.map(|tensor| {
        let name = [".normalised", ".norm", ".relu"].iter().find_map(|end| tensor.value.strip_suffix(end));
        let name = name.unwrap_or(&tensor.value).to_owned();
        Levels { name, scale: tensor.scale as f32, zero_point: tensor.zero_point }
    });
    Ok(levels.collect())
}
