//! What a training run wrote down: D15, D16.

use super::{Finding, Verdict};
use crate::train::{Metric, Settings};

/// Fall of robust accuracy from one epoch to the next that counts as catastrophic (Wong et al. 2020, arXiv:2001.03994).
const FALL: f64 = 0.2;

/// D15: robust accuracy must not collapse from one epoch to the next.
#[must_use]
pub fn overfitting(metrics: &[Metric]) -> Finding {
    let robust: Vec<(u32, f64)> = metrics
        .iter()
        .filter_map(|m| match m {
            Metric::Validation { epoch, robust: Some(robust), .. } => Some((*epoch, *robust)),
            _ => None,
        })
        .collect();
    let falls = robust.windows(2).filter_map(|pair| match pair {
        [(_, before), (epoch, after)] => Some((*epoch, before - after)),
        _ => None,
    });
    let Some((epoch, fall)) = falls.max_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Finding::new(
            "D15",
            Verdict::NotApplicable,
            "the run measured no robust accuracy in two epochs",
        );
    };
    let verdict = if fall > FALL { Verdict::Fail } else { Verdict::Pass };
    let text = format!(
        "largest fall of robust accuracy between epochs: {:.1} points, in epoch {epoch}",
        100.0 * fall
    );
    Finding::new("D15", verdict, text).with("largest fall", fall).with("epoch", f64::from(epoch))
}

/// D16: nothing may be chosen on the images that are reported.
#[must_use]
pub fn selection(settings: &Settings) -> Finding {
    let held = settings.validation;
    let (verdict, text) = match (&settings.from, held) {
        (Some(_), _) => (
            Verdict::Inconclusive,
            "the run began from another checkpoint: what that was chosen on is not recorded".into(),
        ),
        (None, 0) => (
            Verdict::Pass,
            "no images were held out and no checkpoint was chosen: the last one counts".into(),
        ),
        (None, _) => (
            Verdict::Pass,
            format!("checkpoints were compared on {held} training images held out, never on test images"),
        ),
    };
    Finding::new("D16", verdict, text).with("images held out", held as f64)
}
