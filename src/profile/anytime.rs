//! Certification of one radius with as few samples as it takes, read off samples that were drawn anyway.

use ringfence_runtime::certificate::{Checkpoint, Decision, Lookup};
use ringfence_runtime::smooth::top;
use serde::{Deserialize, Serialize};

use super::row::ProfileRow;
use crate::certificate::{self, CertificateError, Smoothing, Table};
use crate::report::Verdict;

/// Where one image stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// How it ended.
    pub outcome: Verdict,
    /// The class with most votes then.
    pub class: usize,
    /// Samples that were counted until then.
    pub samples: u32,
}

/// What a budget of N samples came to, over all images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AnytimePoint {
    /// Images whose radius is certified in their true class.
    pub certified: usize,
    /// Images for which the radius is out of reach.
    pub refuted: usize,
    /// Images for which the budget was used up.
    pub abstained: usize,
    /// Samples an image.
    pub mean_samples: f64,
}

/// The checkpoints of a radius.
pub struct Anytime {
    /// The radius in pixels, as asked for.
    pub target: f64,
    table: Table,
}

impl Anytime {
    /// Checkpoints up to `budget` samples; see [`certificate::sequential_of`].
    ///
    /// # Errors
    /// Numbers out of range, or a target that not even unanimous votes certify.
    pub fn new(target: f64, budget: u32, alpha: f64, smoothing: Smoothing) -> Result<Self, CertificateError> {
        let table = certificate::sequential_of(target, budget, alpha, smoothing)?;
        Ok(Self { target, table })
    }

    fn checkpoints(&self) -> impl Iterator<Item = Checkpoint> {
        (0..).map_while(|index| self.table.checkpoint(index))
    }

    /// Where the samples with these classes, in their order, stop; there are at least as many as the budget.
    #[must_use]
    pub fn stop(&self, samples: &[u16], classes: usize) -> Stopped {
        let (mut counts, mut done) = (vec![0_u32; classes], 0);
        for at in self.checkpoints() {
            for &class in samples.get(done..at.votes as usize).unwrap_or_default() {
                if let Some(count) = counts.get_mut(usize::from(class)) {
                    *count += 1;
                }
            }
            done = at.votes as usize;
            let class = top(&counts);
            let decision = at.decide(counts.get(class).copied().unwrap_or(0));
            if let Some(decision) = decision {
                let outcome = match decision {
                    Decision::Certify => Verdict::Certified,
                    Decision::Refute => Verdict::Refuted,
                };
                return Stopped { outcome, class, samples: at.votes };
            }
        }
        Stopped { outcome: Verdict::Abstained, class: top(&counts), samples: done as u32 }
    }

    /// What a smaller budget comes to: it decides as the larger one does, or not at all.
    pub(super) fn point<'r>(&self, n: u32, rows: impl Iterator<Item = &'r ProfileRow>) -> AnytimePoint {
        let last = self.checkpoints().map(|at| at.votes).take_while(|&votes| votes <= n).last().unwrap_or(0);
        let mut point = AnytimePoint { certified: 0, refuted: 0, abstained: 0, mean_samples: 0.0 };
        let (mut images, mut samples) = (0_u32, 0_u64);
        for (row, stop) in rows.filter_map(|row| Some((row, row.stop?))) {
            images += 1;
            samples += u64::from(stop.samples.min(last));
            match stop.outcome {
                _ if stop.samples > n => point.abstained += 1,
                Verdict::Certified => point.certified += usize::from(stop.class == row.label),
                Verdict::Refuted => point.refuted += 1,
                Verdict::Abstained => point.abstained += 1,
            }
        }
        point.mean_samples = samples as f64 / f64::from(images.max(1));
        point
    }
}
