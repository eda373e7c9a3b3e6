//! Certification of one radius with as few votes as it takes: counts compared at checkpoints.
//!
//! Whenever it stops, the statement it makes is wrong with probability at most alpha (docs/soundness.md,
//! section 4). The comparisons are all that is left to do here; the theorem is in the table.

use super::outcome::{Abstention, Certificate, Outcome, Refutation};
use super::{ConcludeError, Lookup, Radius};
use crate::format::{CertificateTable, Checkpoint, Method};
use crate::smooth::{Counts, top};

/// What the counts of a checkpoint decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The class with most votes is certified.
    Certify,
    /// No class can be.
    Refute,
}

impl Checkpoint {
    /// The decision when the top class has `count` of [`votes`](Self::votes); none if more votes are needed.
    pub fn decide(&self, count: u32) -> Option<Decision> {
        if count >= self.accept {
            Some(Decision::Certify)
        } else if count <= self.reject {
            Some(Decision::Refute)
        } else {
            None
        }
    }
}

impl CertificateTable<'_> {
    /// The radius that a sequential table certifies or refutes; none in tables of other methods.
    pub fn target(&self) -> Option<Radius> {
        (self.method() == Method::Sequential).then_some(Radius(self.first()))
    }
}

/// The outcome of a sequential certification that stopped with these counts.
///
/// They must be those of the first checkpoint that decides, or of the last one; that no earlier one decided
/// cannot be seen from them.
pub(super) fn conclude(
    table: &impl Lookup,
    radius: Radius,
    counts: &Counts,
) -> Result<Outcome, ConcludeError> {
    let found = counts.iter().map(|&count| u64::from(count)).sum();
    let expected = table.most_votes();
    let wrong = ConcludeError::Votes { expected, found };
    let mut checkpoints = (0..).map_while(|index| table.checkpoint(index));
    let at = checkpoints.find(|at| u64::from(at.votes) == found).ok_or(wrong)?;
    let class = top(counts);
    let (count, counts, n) = (counts.get(class).copied().unwrap_or(0), counts.clone(), at.votes);
    let (alpha_bits, norm) = (table.alpha_bits(), table.norm());
    match at.decide(count) {
        Some(Decision::Certify) => {
            let method = Method::Sequential;
            Ok(Outcome::Certified(Certificate {
                class,
                radius,
                norm,
                count,
                method,
                n0: 0,
                n,
                alpha_bits,
                counts,
            }))
        }
        Some(Decision::Refute) => {
            Ok(Outcome::Refuted(Refutation { radius, norm, class, count, n, alpha_bits, counts }))
        }
        None if n == expected => Ok(Outcome::Abstained(Abstention { class, count, counts })),
        None => Err(wrong),
    }
}
