//! All that a run trains: a classifier and, for adaptive smoothing, the mask before it.

use super::mask::Mask;
use super::network::Network;
use super::spec::NetSpec;
use burn::module::Module;
use burn::tensor::Device;

/// A classifier and, for adaptive smoothing, the mask before it.
#[derive(Module, Debug)]
pub struct Defence {
    /// From what it is shown to logits.
    pub net: Network,
    /// What weights the pixels it is shown.
    pub mask: Option<Mask>,
}

impl Defence {
    /// Both with initial weights drawn from `seed`.
    #[must_use]
    pub fn new(spec: &NetSpec, device: &Device, seed: u64) -> Self {
        let mask = spec.mask.map(|mask| Mask::new(mask, spec.input, device, seed));
        Self { net: Network::new(spec, device, seed), mask }
    }

    /// A classifier without a mask.
    #[must_use]
    pub fn plain(net: Network) -> Self {
        Self { net, mask: None }
    }

    /// What an optimiser's step leaves, brought back into its range.
    #[must_use]
    pub fn settled(self) -> Self {
        Self { mask: self.mask.map(Mask::settled), ..self }
    }
}
