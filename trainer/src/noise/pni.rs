//! Parametric noise injection (He, Rakin and Fan, CVPR 2019, eq. 1 and 2).

use super::{Draw, deviation, lift};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Initial strength, as in the authors' code.
pub const ALPHA: f32 = 0.25;

/// Noise `alpha * std(v) * eta` on a tensor `v`, with `eta` standard normal and `alpha` learned.
///
/// The deviation is over the whole tensor (of an activation: over the whole batch), taken anew in each pass;
/// neither it nor `eta` has a gradient, so that `alpha` gets the gradient of the output times `std(v) * eta`.
/// `alpha` may become negative: the noise is symmetric and only the magnitude matters.
#[derive(Module, Debug)]
pub struct Pni {
    /// Strength, of extents that broadcast over `v`.
    pub alpha: Param<Tensor<4>>,
    /// The stream of its values.
    source: u32,
}

impl Pni {
    /// Noise of source `source` whose strength [`ALPHA`] has the extents `shape`, each 1 or that of `v`.
    #[must_use]
    pub fn new(shape: [usize; 4], source: u32, device: &Device) -> Self {
        Self { alpha: Param::from_tensor(Tensor::full(shape, ALPHA, device)), source }
    }

    /// `v` with the noise of `draw`, row-major extents as `v` has them.
    #[must_use]
    pub fn perturb(&self, v: Tensor<4>, draw: Draw) -> Tensor<4> {
        let device = v.device();
        let noise = draw.normal(self.source, v.dims(), &device) * deviation(&v);
        v + lift(self.alpha.val(), &device) * noise
    }
}
