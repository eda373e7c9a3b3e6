//! Coloured noise injection on weights (Zheltonozhskii et al. 2020; code of Nemcovsky et al., SIAM).

use super::{Draw, deviation};
use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Columns of the factor.
pub const RANK: usize = 5;
/// Initial strength of the independent part: a variance, `.25^2`.
const DIAGONAL: f32 = 0.0625;
/// Initial entries of the factor.
const FACTOR: f32 = 0.01;
/// Keeps the gradient of the square root finite.
const FLOOR: f32 = 1e-8;

/// Noise `sqrt(|std(w) a| + 1e-8) * e_d + F e_r` on weights `w`, `e_d` and `e_r` standard normal, `a` (one
/// for each weight) and `F` (weights x [`RANK`]) learned: covariance `diag(|std(w) a|) + F F^T`.
///
/// The diagonal scales with the deviation of the weights, not with their variance, as the authors coded it.
/// The deviation is a constant here, as for PNI.
#[derive(Module, Debug)]
pub struct Cni {
    /// `a`.
    pub diagonal: Param<Tensor<1>>,
    /// `F`.
    pub factor: Param<Tensor<2>>,
    /// The stream of `e_d`; the next one is that of `e_r`.
    source: u32,
}

impl Cni {
    /// Noise on `count` weights, which takes the sources `source` and `source + 1`.
    #[must_use]
    pub fn new(count: usize, source: u32, device: &Device) -> Self {
        Self {
            diagonal: Param::from_tensor(Tensor::full([count], DIAGONAL, device)),
            factor: Param::from_tensor(Tensor::full([count, RANK], FACTOR, device)),
            source,
        }
    }

    /// `w` with the noise of `draw`.
    #[must_use]
    pub fn perturb(&self, w: Tensor<4>, draw: Draw) -> Tensor<4> {
        let (device, dims) = (w.device(), w.dims());
        let count = dims.iter().product::<usize>();
        let spread = (self.diagonal.val() * deviation(&w).reshape([1])).abs().add_scalar(FLOOR).sqrt();
        let single = spread * draw.normal(self.source, [count], &device);
        let common = self.factor.val().matmul(draw.normal(self.source + 1, [RANK, 1], &device));
        w + single.reshape(dims) + common.reshape(dims)
    }
}
