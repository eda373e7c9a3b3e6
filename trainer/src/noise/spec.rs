//! Which noise a network has, and its name on the command line and in files.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How many strengths a noise layer learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// One.
    Layer,
    /// One for each output channel of weights, or each channel of an activation.
    Channel,
    /// One for each value.
    Element,
}

impl Grain {
    const ALL: [Self; 3] = [Self::Layer, Self::Channel, Self::Element];

    fn name(self) -> &'static str {
        match self {
            Self::Layer => "layer",
            Self::Channel => "channel",
            Self::Element => "element",
        }
    }
}

/// Noise on weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WeightNoise {
    /// Parametric noise injection on all weights.
    Pni(Grain),
    /// Coloured noise on the weights of convolutions, PNI by element on those of linear layers.
    Cni,
}

/// The noise of a network; written `none` or as parts joined by `+`, such as `pni-w-channel+input:0.25`.
///
/// The parts: `input:SIGMA`, `pni-input`, `pni-w-GRAIN`, `cni-w`, `pni-a-in-GRAIN` and `pni-a-out-GRAIN`, where
/// `-GRAIN` is `-layer` (also if left out), `-channel` or `-element`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoiseSpec {
    /// Deviation of the noise on pixels in `[0, 1]`, finite and above 0.
    pub pixels: Option<f32>,
    /// PNI on the image, one strength (PNI-I).
    pub image: bool,
    /// Noise on weights.
    pub weights: Option<WeightNoise>,
    /// PNI on layers' inputs (PNI-A-b).
    pub inputs: Option<Grain>,
    /// PNI on layers' outputs (PNI-A-a).
    pub outputs: Option<Grain>,
}

impl NoiseSpec {
    /// Whether the network has no noise.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether anything but the pixels is noisy: a file of constant weights cannot hold that.
    #[must_use]
    pub fn is_inside(&self) -> bool {
        !Self { pixels: None, ..self.clone() }.is_none()
    }

    /// Adds the part called `name`; false if there is no such part, or one of its kind already.
    fn add(&mut self, name: &str) -> bool {
        fn once<T>(slot: &mut Option<T>, value: T) -> bool {
            slot.replace(value).is_none()
        }
        let grain = |prefix: &str| {
            let rest = name.strip_prefix(prefix)?;
            if rest.is_empty() {
                return Some(Grain::Layer);
            }
            Grain::ALL.into_iter().find(|g| rest.strip_prefix('-') == Some(g.name()))
        };
        if let Some(sigma) = name.strip_prefix("input:") {
            let sigma = sigma.parse().ok().filter(|s: &f32| s.is_finite() && *s > 0.0);
            return sigma.is_some_and(|sigma| once(&mut self.pixels, sigma));
        }
        match name {
            "pni-input" => !std::mem::replace(&mut self.image, true),
            "cni-w" => once(&mut self.weights, WeightNoise::Cni),
            _ => {
                if let Some(grain) = grain("pni-w") {
                    once(&mut self.weights, WeightNoise::Pni(grain))
                } else if let Some(grain) = grain("pni-a-in") {
                    once(&mut self.inputs, grain)
                } else if let Some(grain) = grain("pni-a-out") {
                    once(&mut self.outputs, grain)
                } else {
                    false
                }
            }
        }
    }
}

impl fmt::Display for NoiseSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![];
        parts.extend(self.weights.map(|w| match w {
            WeightNoise::Pni(grain) => format!("pni-w-{}", grain.name()),
            WeightNoise::Cni => "cni-w".to_owned(),
        }));
        parts.extend(self.inputs.map(|grain| format!("pni-a-in-{}", grain.name())));
        parts.extend(self.outputs.map(|grain| format!("pni-a-out-{}", grain.name())));
        parts.extend(self.image.then(|| "pni-input".to_owned()));
        parts.extend(self.pixels.map(|sigma| format!("input:{sigma}")));
        f.write_str(if parts.is_empty() { "none".to_owned() } else { parts.join("+") }.as_str())
    }
}

/// A text that names no noise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "noise {text:?}: {part:?} is unknown or there twice: expected none, or parts joined by + from input:SIGMA \
     (SIGMA above 0), pni-input, one of pni-w-GRAIN and cni-w, pni-a-in-GRAIN, pni-a-out-GRAIN \
     with GRAIN layer, channel or element"
)]
pub struct UnknownNoise {
    text: String,
    part: String,
}

impl FromStr for NoiseSpec {
    type Err = UnknownNoise;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut spec = Self::default();
        if text == "none" {
            return Ok(spec);
        }
        for part in text.split('+') {
            if !spec.add(part) {
                return Err(UnknownNoise { text: text.to_owned(), part: part.to_owned() });
            }
        }
        Ok(spec)
    }
}

impl TryFrom<String> for NoiseSpec {
    type Error = UnknownNoise;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<NoiseSpec> for String {
    fn from(spec: NoiseSpec) -> Self {
        spec.to_string()
    }
}
