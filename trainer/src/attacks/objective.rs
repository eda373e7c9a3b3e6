//! Losses that attacks raise, one value an image, from logits.

use crate::methods::loss::{best_other, cross_entropy, of_label, soft_best_other};
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

/// What an ascent raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// Cross-entropy of the label.
    CrossEntropy,
    /// Largest other logit less the label's (Carlini and Wagner 2017).
    Margin,
    /// The logarithm of the sum of the exponentials of all other logits, less the label's (Ding et al. 2020,
    /// arXiv:1812.02637): never below the margin.
    SoftMargin,
    /// The margin over the distance from the largest to the third largest logit (Croce and Hein 2020, arXiv:2003.01690,
    /// equation 6): blind to the scale of logits. Needs three classes; with fewer it is the margin.
    LogitRatio,
}

impl Loss {
    /// Of each image.
    #[must_use]
    pub fn of(self, logits: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
        match self {
            Self::CrossEntropy => cross_entropy(logits, labels),
            Self::Margin => margin(logits, labels),
            Self::SoftMargin => soft_best_other(logits.clone(), labels) - of_label(logits, labels),
            Self::LogitRatio if logits.dims()[1] < 3 => margin(logits, labels),
            Self::LogitRatio => {
                let [n, _] = logits.dims();
                let top = logits.clone().topk(3, 1);
                let at = |i: usize| top.clone().slice([0..n, i..i + 1]).reshape([n]);
                margin(logits, labels) / (at(0) - at(2)).clamp_min(1e-12)
            }
        }
    }
}

/// `max_{k != y} z_k - z_y`: above 0 where the image is given another class.
#[must_use]
pub fn margin(logits: Tensor<2>, labels: &Tensor<1, Int>) -> Tensor<1> {
    best_other(logits.clone(), labels) - of_label(logits, labels)
}

/// `-(z_y - z_t) / (z_1 - (z_3 + z_4) / 2)` for target classes t (Croce and Hein 2020, equation 7), four classes or more;
/// with fewer `z_t - z_y`.
#[must_use]
pub fn targeted_ratio(logits: Tensor<2>, labels: &Tensor<1, Int>, targets: &Tensor<1, Int>) -> Tensor<1> {
    let [n, classes] = logits.dims();
    let gap = of_label(logits.clone(), targets) - of_label(logits.clone(), labels);
    if classes < 4 {
        return gap;
    }
    let top = logits.topk(4, 1);
    let at = |i: usize| top.clone().slice([0..n, i..i + 1]).reshape([n]);
    gap / (at(0) - (at(2) + at(3)).mul_scalar(0.5)).clamp_min(1e-12)
}
