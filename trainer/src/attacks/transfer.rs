//! Images crafted on other networks.

use super::ascent::Ascent;
use super::oracle::{Oracle, Target, pick};
use super::pgd::Pgd;
use crate::methods::Batch;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;
use serde::{Deserialize, Serialize};

/// Where images are crafted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Craft {
    /// On each of the given networks in turn.
    Each,
    /// On the mean of their probabilities (Liu et al. 2017, arXiv:1611.02770, section 5.1).
    Together,
    /// On a network that was trained on the target's answers (Papernot et al. 2017, arXiv:1602.02697).
    Substitute,
}

/// An ascent on other networks; the target only judges its ends.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Transfer {
    /// The networks.
    pub craft: Craft,
    /// The ascent on them.
    #[serde(flatten)]
    pub ascent: Ascent,
}

/// Several networks as one.
struct Mean<'a>(&'a [&'a dyn Target]);

impl Target for Mean<'_> {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let each = self.0.iter().map(|t| softmax(t.logits(images.clone(), draw), 1));
        let sum = each.reduce(|sum, p| sum + p);
        let share = 1.0 / self.0.len().max(1) as f64;
        let mean = sum.unwrap_or_else(|| Tensor::zeros([images.dims()[0], 1], &images.device()));
        mean.mul_scalar(share).clamp_min(1e-20).log()
    }

    fn is_random(&self) -> bool {
        self.0.iter().any(|t| t.is_random())
    }
}

impl Transfer {
    /// For each image of `batch` one within `epsilon` that is given another class than `labels`, or the original; and
    /// whether it was found. Without sources none is.
    #[must_use]
    pub fn run(
        &self,
        oracle: &Oracle,
        batch: &Batch,
        labels: &[i32],
        epsilon: f64,
    ) -> (Tensor<4>, Vec<bool>) {
        let sources = oracle.sources();
        let (mut best, mut fooled) = (batch.images.clone(), oracle.fooled(&batch.images, labels));
        let mut take = |source: &dyn Target| {
            if fooled.iter().all(|f| *f) {
                return;
            }
            let x = self.craft_on(source, oracle, (batch, labels), epsilon);
            let now = oracle.fooled(&x, labels);
            let new: Vec<bool> = fooled.iter().zip(&now).map(|(before, now)| !before && *now).collect();
            best = pick(&new, x, best.clone());
            fooled.iter_mut().zip(now).for_each(|(f, n)| *f |= n);
        };
        match self.craft {
            Craft::Each => sources.given.iter().for_each(|s| take(*s)),
            Craft::Together if !sources.given.is_empty() => take(&Mean(sources.given)),
            Craft::Together => {}
            Craft::Substitute => sources.substitute.into_iter().for_each(take),
        }
        (best, fooled)
    }

    /// The end of the ascent on a source, whose passes are counted with the target's.
    fn craft_on(
        &self,
        source: &dyn Target,
        oracle: &Oracle,
        (batch, labels): (&Batch, &[i32]),
        epsilon: f64,
    ) -> Tensor<4> {
        let own = oracle.over(source);
        let Pgd { step, epsilon: unit, .. } = self.ascent.pgd;
        let pgd = Pgd { epsilon, step: step * epsilon / unit, ..self.ascent.pgd };
        let x = self.ascent.climb(&own, &pgd, batch, labels, (0, None));
        oracle.charge(own.cost());
        x
    }
}
