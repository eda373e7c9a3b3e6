//! What a probability is worth: the noise that votes were drawn with, and the ball that it proves something about.

use std::num::NonZeroU64;

use ringfence_runtime::Model;
use ringfence_runtime::format::Norm;

/// The ball of a radius.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ball {
    /// Euclidean distance: plain smoothing.
    L2,
    /// Largest difference of any of an image's values: adaptive smoothing.
    LInf {
        /// Values of an image, channels * height * width.
        values: NonZeroU64,
    },
}

/// The noise of a smoothed classifier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing {
    /// Deviation that radii are made of, in pixel units.
    pub sigma: f64,
    /// Total variation distance of a whole image's noise from the ideal, units of 2^-64.
    pub tv_budget: u64,
    /// What radii are about.
    pub ball: Ball,
}

impl Smoothing {
    /// Plain smoothing.
    #[must_use]
    pub fn l2(sigma: f64, tv_budget: u64) -> Self {
        Self { sigma, tv_budget, ball: Ball::L2 }
    }

    /// The smoothing of a model.
    #[must_use]
    pub fn of(model: &Model<'_>) -> Self {
        let (sigma, tv_budget) = (f64::from_bits(model.sigma_bits()), model.tv_budget());
        let values = NonZeroU64::new(model.input().values() as u64).unwrap_or(NonZeroU64::MIN);
        let ball = match model.norm() {
            Norm::L2 => Ball::L2,
            Norm::LInf => Ball::LInf { values },
        };
        Self { sigma, tv_budget, ball }
    }
}
