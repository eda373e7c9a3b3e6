//! One network on its way from a file to integers.

use super::calibrate::{self, Calibration};
use super::error::CompileError;
use super::input::{self, InputScale};
use super::network::Network;
use super::options::ActivationBits;
use super::samples::Sample;
use super::scale::Scale;
use super::{fold, limits};
use crate::data::Dataset;
use crate::onnx::{self, Affine, FloatModel, Graph};

/// Turns a folded graph into layers.
type Lower = fn(&Graph) -> Result<Network, CompileError>;

/// How images come to a network.
pub struct Images<'o> {
    /// What the network expects of each channel, or of all: mean to be subtracted, deviation to be divided by; as
    /// options give them.
    pub normalisation: &'o dyn Fn(usize) -> Result<(Vec<f64>, Vec<f64>), CompileError>,
    /// Deviation of the noise that its levels have to cover.
    pub sigma: f64,
    /// Bits of the activations.
    pub activation_bits: ActivationBits,
}

/// A network, known as far as it can be without images.
pub struct Part<'d> {
    /// The file.
    pub onnx: &'d [u8],
    /// The file's graph.
    pub graph: Graph,
    /// Layers of the integer model.
    pub network: Network,
    /// Rule of the image.
    pub input: InputScale,
    /// Normalisation of the image: by options, then by the network itself.
    normalisation: Affine,
    /// Of that, what the options ask for.
    pub mean: Vec<f64>,
    /// As `mean`.
    pub std: Vec<f64>,
}

impl<'d> Part<'d> {
    /// Reads and checks a file.
    pub fn new(
        onnx: &'d [u8],
        data: Option<&dyn Dataset>,
        images: &Images<'_>,
        lower: Lower,
    ) -> Result<Self, CompileError> {
        let graph = onnx::parse(onnx)?;
        let channels = limits::check_image(&graph, data)?;
        let (mean, std) = (images.normalisation)(channels)?;
        let folded = fold::fold(&graph, normalisation(&mean, &std))?;
        let network = lower(&folded.graph)?;
        limits::check(&network)?;
        let scale = image_scale(&network, &folded.input, images)?;
        let input = input::input_scale(&folded.input, scale)?;
        Ok(Self { onnx, graph, network, input, normalisation: folded.input, mean, std })
    }

    /// Runs the float network on noisy images.
    pub fn calibrate(
        &self,
        samples: &[Sample],
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Calibration, CompileError> {
        if samples.is_empty() {
            let reason = "no image to calibrate on".into();
            return Err(CompileError::Option { option: "--images", reason });
        }
        let float = FloatModel::new(self.onnx, &self.graph, &calibrate::values(&self.network))?;
        let prepare = |sample: &Sample| sample.normalised(&self.mean, &self.std);
        let (network, normalisation) = (&self.network, &self.normalisation);
        Ok(calibrate::calibrate(&float, network, normalisation, samples, prepare, progress)?)
    }
}

/// The levels of the image: those that the file gives, or else what the noise asks for.
fn image_scale(
    network: &Network,
    normalisation: &Affine,
    images: &Images<'_>,
) -> Result<Scale, CompileError> {
    if network.is_quantised() && images.activation_bits != ActivationBits::Eight {
        let reason = "7: the ONNX file gives levels of eight bits".into();
        return Err(CompileError::Option { option: "--activation-bits", reason });
    }
    let given = network.tensors[0].levels.map(Scale::given);
    let noisy = || input::noisy_scale(normalisation, images.sigma, images.activation_bits.top());
    Ok(given.unwrap_or_else(noisy))
}

/// `(x - mean) / std` as a layer.
fn normalisation(mean: &[f64], std: &[f64]) -> Affine {
    Affine {
        mul: std.iter().map(|std| 1.0 / std).collect(),
        add: mean.iter().zip(std).map(|(mean, std)| -mean / std).collect(),
    }
}
