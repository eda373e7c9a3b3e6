//! Weights and biases as the integers that the exported file holds.

use super::fold::{Folded, Site};
use super::levels::{Levels, find};
use crate::error::Error;
use crate::export::floats;
use ringfence::compile::filter::weight_unit;

/// Integers of one layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Rounded {
    /// Name of the layer.
    pub name: String,
    /// Extents of the weights, `[out, in, side, side]`.
    pub dims: [usize; 4],
    /// Step in both directions.
    pub stride: usize,
    /// Weights within ±127, in the order of `dims`.
    pub weight: Vec<i8>,
    /// Real value of one unit of the weights, for each output.
    pub units: Vec<f32>,
    /// One per output.
    pub bias: Vec<i32>,
    /// Real value of one unit of the bias, for each output.
    pub bias_units: Vec<f32>,
}

impl Rounded {
    /// The weights as real numbers.
    #[must_use]
    pub fn real_weight(&self) -> Vec<f32> {
        let kernel = self.weight.len() / self.units.len();
        let kernels = self.weight.chunks_exact(kernel).zip(&self.units);
        kernels.flat_map(|(kernel, unit)| kernel.iter().map(move |q| f32::from(*q) * unit)).collect()
    }

    /// The biases as real numbers.
    #[must_use]
    pub fn real_bias(&self) -> Vec<f32> {
        self.bias.iter().zip(&self.bias_units).map(|(b, unit)| *b as f32 * unit).collect()
    }
}

/// Rounds all layers of `net`: weights symmetrically with one unit per output, biases to the unit of the accumulator.
///
/// # Errors
/// When levels are missing or a weight is not of type f32.
pub fn round(net: &Folded, levels: &[Levels]) -> Result<Vec<Rounded>, Error> {
    net.sites().iter().map(|site| layer(site, levels)).collect()
}

fn layer(site: &Site<'_>, levels: &[Levels]) -> Result<Rounded, Error> {
    let dims: [usize; 4] = site.layer.weight.shape().dims();
    let (weight, bias) = (floats(site.layer.weight.val())?, floats(site.layer.bias.val())?);
    let input = f64::from(find(levels, &site.input)?.scale);
    let largest: Vec<f64> = weight
        .chunks_exact(dims[1] * dims[2] * dims[3])
        .map(|kernel| kernel.iter().fold(0.0, |most, w| f64::from(w.abs()).max(most)))
        .collect();
    let output = match &site.output {
        Some(output) => f64::from(find(levels, output)?.scale),
        // The compiler chooses the scale of the logits later: no class gets units finer than about 1/1000 of another's.
        None => largest.iter().fold(f64::from(f32::MIN_POSITIVE), |a, b| a.max(*b)) / 127.0 * input * 4096.0,
    };
    let units = largest.iter().zip(&bias).map(|(w, b)| weight_unit(*w, f64::from(*b), input, output) as f32);
    let units: Vec<f32> = units.collect();
    let bias_units: Vec<f32> = units.iter().map(|unit| (f64::from(*unit) * input) as f32).collect();
    let kernels = weight.chunks_exact(dims[1] * dims[2] * dims[3]).zip(&units);
    let integers = kernels
        .flat_map(|(kernel, unit)| kernel.iter().map(move |w| (w / unit).round().clamp(-127.0, 127.0) as i8));
    Ok(Rounded {
        name: site.name.clone(),
        dims,
        stride: site.layer.stride,
        weight: integers.collect(),
        bias: bias.iter().zip(&bias_units).map(|(b, unit)| (b / unit).round() as i32).collect(),
        units,
        bias_units,
    })
}
