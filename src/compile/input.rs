//! The input rule: noisy pixels to the u8 the first layer reads.

use ringfence_runtime::format::layout::{INPUT_SHIFT, MAX_INPUT_ADD, MAX_INPUT_CHANNELS, MAX_INPUT_MUL};

use super::error::CompileError;
use super::scale::Scale;
use crate::onnx::Affine;

/// How many deviations of noise below black and above white the input scale covers; what lies beyond saturates.
const NOISE_REACH: f64 = 3.5;

/// Scale of the normalised image and the integer rule of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct InputScale {
    /// Scale of tensor 0.
    pub scale: Scale,
    /// (mul, add) of each channel: `u = clamp((m * mul + add) >> 16, 0, top)` for a noisy pixel m.
    pub rules: Vec<(i32, i32)>,
}

/// The levels up to `top` of images normalised by `affine` (of pixels with full scale 1) under noise of deviation
/// `sigma`.
///
/// All channels share scale and zero point, so that the border can stand for a normalised zero in each of them.
pub fn noisy_scale(affine: &Affine, sigma: f64, top: u8) -> Scale {
    let reach = NOISE_REACH * sigma;
    let ends =
        affine.mul.iter().zip(&affine.add).map(|(mul, add)| (add - mul * reach, mul * (1.0 + reach) + add));
    let (lo, hi) = ends.fold((0.0, 0.0), |(lo, hi): (f64, f64), (a, b)| (lo.min(a), hi.max(b)));
    Scale::covering((lo, hi), top, 0.0)
}

/// The rule that brings images normalised by `affine` to `scale`.
pub fn input_scale(affine: &Affine, scale: Scale) -> Result<InputScale, CompileError> {
    let channels = affine.mul.len();
    if channels > MAX_INPUT_CHANNELS {
        return Err(CompileError::TooLarge {
            layer: "input".into(),
            what: "channels",
            found: channels,
            most: MAX_INPUT_CHANNELS,
        });
    }
    let one = 2f64.powi(INPUT_SHIFT as i32);
    let rules = affine.mul.iter().zip(&affine.add).map(|(mul, add)| {
        let factor = mul / (255.0 * scale.scale) * one;
        if factor.round() < 1.0 || factor > f64::from(MAX_INPUT_MUL) {
            return Err(CompileError::range("input", "normalisation factor", *mul));
        }
        let offset = (add / scale.scale + f64::from(scale.zero_point) + 0.5) * one;
        if offset.abs() > f64::from(MAX_INPUT_ADD) {
            return Err(CompileError::range("input", "normalisation offset", *add));
        }
        Ok((factor.round() as i32, offset.round() as i32))
    });
    Ok(InputScale { scale, rules: rules.collect::<Result<_, _>>()? })
}
