//! Published recipes: a method with its numbers and the optimiser's.

use crate::error::Error;

/// A recipe. What it leaves open is the command line's usual value.
#[derive(Debug, Clone, Copy)]
pub struct Preset {
    /// Name on the command line.
    pub name: &'static str,
    /// Where the numbers come from.
    pub source: &'static str,
    /// Network.
    pub net: &'static str,
    /// Method.
    pub method: &'static str,
    /// Numbers of the method that differ from its usual ones, as `key=value`.
    pub set: &'static [&'static str],
    /// Noise on the images.
    pub sigma: f32,
    /// Epochs.
    pub epochs: u32,
    /// Images of a step.
    pub batch: usize,
    /// Full learning rate.
    pub rate: f64,
    /// Epochs at which it is divided by ten.
    pub steps: &'static [u32],
    /// Weight decay.
    pub decay: f64,
    /// Largest norm of the gradient.
    pub clip: Option<f64>,
}

/// What most recipes of adversarial training on CIFAR-10 share.
const ROBUST: Preset = Preset {
    name: "",
    source: "",
    net: "resnet20",
    method: "madry",
    set: &[],
    sigma: 0.0,
    epochs: 160,
    batch: 128,
    rate: 0.1,
    steps: &[80, 120],
    decay: 2e-4,
    clip: None,
};

/// What the recipes of smoothing on CIFAR-10 share.
const SMOOTH: Preset = Preset {
    net: "resnet110",
    method: "gaussian",
    sigma: 0.5,
    epochs: 150,
    batch: 256,
    steps: &[50, 100],
    decay: 1e-4,
    ..ROBUST
};

const COHEN: Preset = Preset { epochs: 90, batch: 400, steps: &[30, 60], ..SMOOTH };
const CNI: Preset = Preset {
    method: "cni-w",
    epochs: 400,
    batch: 256,
    steps: &[200, 300],
    decay: 1e-4,
    clip: Some(0.05),
    ..ROBUST
};

/// Every recipe.
#[rustfmt::skip]
pub const PRESETS: &[Preset] = &[
    Preset { name: "cohen-s025", source: "Cohen et al. 2019, section 4", sigma: 0.25, ..COHEN },
    Preset { name: "cohen-s050", source: "Cohen et al. 2019, section 4", sigma: 0.5, ..COHEN },
    Preset { name: "cohen-s100", source: "Cohen et al. 2019, section 4", sigma: 1.0, ..COHEN },
    Preset { name: "madry-cifar10", source: "Madry et al. 2018, public challenge", net: "wrn-34-10", epochs: 205,
        steps: &[102, 153], ..ROBUST },
    Preset { name: "madry-mnist", source: "Madry et al. 2018, public challenge", net: "madry-mnist", epochs: 83, batch: 50,
        rate: 0.01, steps: &[], decay: 0.0, set: &["epsilon=0.3", "step=0.01", "steps=40"], ..ROBUST },
    Preset { name: "trades-cifar10", source: "Zhang et al. 2019, released code", net: "wrn-34-10", method: "trades", epochs: 76,
        steps: &[75], ..ROBUST },
    Preset { name: "trades-mnist", source: "Zhang et al. 2019, released code", net: "smallcnn", method: "trades", epochs: 100,
        rate: 0.01, steps: &[55, 75, 90], decay: 0.0, set: &["epsilon=0.3", "step=0.01", "steps=40", "beta=1"], ..ROBUST },
    Preset { name: "mart-cifar10", source: "Wang et al. 2020, released code", net: "preact-resnet18", method: "mart", epochs: 120,
        rate: 0.01, steps: &[75, 90, 100], decay: 3.5e-3, ..ROBUST },
    Preset { name: "pni-resnet20", source: "He et al. 2019, section 4.1", method: "pni", decay: 3e-4, ..ROBUST },
    Preset { name: "cni-resnet20", source: "Nemcovsky et al. 2019, released code", ..CNI },
    Preset { name: "cni-trades", source: "Nemcovsky et al. 2019, released code", net: "wrn-34-10", method: "cni-w+t", epochs: 100,
        steps: &[75, 90], ..CNI },
    Preset { name: "fast-cifar10", source: "Wong et al. 2020, released code", net: "preact-resnet18", method: "fast", epochs: 15,
        rate: 0.2, steps: &[], decay: 5e-4, ..ROBUST },
    Preset { name: "free-cifar10", source: "Shafahi et al. 2019, section 5", net: "wrn-34-10", method: "free", epochs: 25,
        steps: &[12, 19], ..ROBUST },
    Preset { name: "smoothadv-s025", source: "Salman et al. 2019, appendix", method: "smoothadv", sigma: 0.25, set: &["copies=4"],
        ..SMOOTH },
    Preset { name: "smoothadv-s050", source: "Salman et al. 2019, appendix", method: "smoothadv", set: &["copies=8"], ..SMOOTH },
    Preset { name: "smoothadv-s100", source: "Salman et al. 2019, appendix", method: "smoothadv", sigma: 1.0,
        set: &["copies=2", "epsilon=512/255", "step=102.4/255"], ..SMOOTH },
    Preset { name: "consistency-s025", source: "Jeong and Shin 2020, section 4", method: "consistency", sigma: 0.25,
        set: &["lambda=20"], ..SMOOTH },
    Preset { name: "consistency-s050", source: "Jeong and Shin 2020, section 4", method: "consistency", ..SMOOTH },
    Preset { name: "consistency-s100", source: "Jeong and Shin 2020, section 4", method: "consistency", sigma: 1.0, ..SMOOTH },
    Preset { name: "consistency-resnet20", source: "Jeong and Shin 2020, appendix", net: "resnet20", method: "consistency", ..SMOOTH },
    Preset { name: "macer-s025", source: "Zhai et al. 2020, section 5", method: "macer", sigma: 0.25, epochs: 440, batch: 64,
        rate: 0.01, steps: &[200, 400], ..SMOOTH },
    Preset { name: "macer-s050", source: "Zhai et al. 2020, section 5", method: "macer", set: &["lambda=4"], epochs: 440, batch: 64,
        rate: 0.01, steps: &[200, 400], ..SMOOTH },
    Preset { name: "smoothmix-s025", source: "Jeong et al. 2021, section 4", method: "smoothmix", sigma: 0.25, set: &["step=0.5"],
        ..SMOOTH },
    Preset { name: "smoothmix-s050", source: "Jeong et al. 2021, section 4", method: "smoothmix", ..SMOOTH },
    Preset { name: "cat-rs-s025", source: "Jeong et al. 2023, section 4", method: "cat-rs", sigma: 0.25, set: &["lambda=0.5"],
        ..SMOOTH },
    Preset { name: "cat-rs-s050", source: "Jeong et al. 2023, section 4", method: "cat-rs", ..SMOOTH },
];

/// The recipe called `name`.
///
/// # Errors
/// Listing the known names.
pub fn preset(name: &str) -> Result<&'static Preset, Error> {
    PRESETS.iter().find(|p| p.name == name).ok_or_else(|| {
        let known: Vec<&str> = PRESETS.iter().map(|p| p.name).collect();
        Error::Settings(format!("--preset {name}: unknown; expected {}", known.join(", ")))
    })
}
