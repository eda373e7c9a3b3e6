//! Attacks on the variable that images are made of (reparameterisation: Athalye et al. 2018, arXiv:1802.00420, section 4.3).

use super::oracle::Target;
use burn::tensor::Tensor;

/// A classifier as a function of a variable z, of which `decode` makes images.
///
/// Where a defence g projects images onto a set, by an inner optimisation that no gradient passes, and `decode` reaches only
/// that set, `g(decode(z)) = decode(z)`: the network after g is attacked through z, and g need not be differentiated. Any
/// attack runs on it; it keeps z in its ball and box, not the images.
pub struct Latent<'a> {
    /// The network behind the defence.
    pub target: &'a dyn Target,
    /// The images `[n, channels, height, width]` of variables `[n, ..]`, differentiable.
    pub decode: &'a dyn Fn(Tensor<4>) -> Tensor<4>,
}

impl std::fmt::Debug for Latent<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Latent")
    }
}

impl Target for Latent<'_> {
    fn logits(&self, z: Tensor<4>, draw: u64) -> Tensor<2> {
        self.target.logits((self.decode)(z), draw)
    }

    fn is_random(&self) -> bool {
        self.target.is_random()
    }
}
