//! What a certification ends with.

use super::{Lookup, Radius, sequential};
use crate::format::{Method, Norm};
use crate::smooth::{Counts, top};
use core::error::Error;
use core::fmt;

/// The class is certified, the radius is out of reach, or the votes were not clear enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With probability at least 1 - alpha over the noise, the smoothed classifier gives this class
    /// throughout the ball.
    Certified(Certificate),
    /// With probability at least 1 - alpha over the noise, no class is likely enough for the target radius to
    /// be proved by any number of votes ([`Method::Sequential`] only).
    Refuted(Refutation),
    /// Nothing is claimed.
    Abstained(Abstention),
}

impl Outcome {
    /// The certificate, if there is one.
    pub fn certificate(&self) -> Option<&Certificate> {
        match self {
            Self::Certified(certificate) => Some(certificate),
            Self::Refuted(_) | Self::Abstained(_) => None,
        }
    }

    /// Votes per class of all votes that were counted.
    pub fn counts(&self) -> &Counts {
        match self {
            Self::Certified(certificate) => &certificate.counts,
            Self::Refuted(refutation) => &refutation.counts,
            Self::Abstained(abstention) => &abstention.counts,
        }
    }

    /// The class with its votes: the one that is certified, or would have been.
    pub fn candidate(&self) -> (usize, u32) {
        match self {
            Self::Certified(certificate) => (certificate.class, certificate.count),
            Self::Refuted(refutation) => (refutation.class, refutation.count),
            Self::Abstained(abstention) => (abstention.class, abstention.count),
        }
    }

    /// Votes that were counted, those that selected a class not among them.
    pub fn votes(&self) -> u32 {
        self.counts().iter().fold(0, |sum, &count| sum.saturating_add(count))
    }
}

/// A certified class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The class.
    pub class: usize,
    /// No image closer than this in `norm` changes the class.
    pub radius: Radius,
    /// What the radius is measured in.
    pub norm: Norm,
    /// Votes for the class among the n that were counted.
    pub count: u32,
    /// How the votes were used.
    pub method: Method,
    /// Votes that chose the class (two-stage only).
    pub n0: u32,
    /// Votes that were counted.
    pub n: u32,
    /// Bits of the f64 that bounds the probability of a wrong statement.
    pub alpha_bits: u64,
    /// Votes per class of the n votes.
    pub counts: Counts,
}

impl Certificate {
    /// The radius, if it is one of Euclidean distance.
    pub fn radius_l2(&self) -> Option<Radius> {
        (self.norm == Norm::L2).then_some(self.radius)
    }

    /// The radius, if it is one of the largest difference of any value.
    pub fn radius_linf(&self) -> Option<Radius> {
        (self.norm == Norm::LInf).then_some(self.radius)
    }
}

/// A target radius that is out of reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refutation {
    /// The radius that no number of votes could prove, for whatever class.
    pub radius: Radius,
    /// What the radius is measured in.
    pub norm: Norm,
    /// The class with most votes.
    pub class: usize,
    /// Its votes.
    pub count: u32,
    /// Votes that were counted.
    pub n: u32,
    /// Bits of the f64 that bounds the probability of a wrong statement.
    pub alpha_bits: u64,
    /// Votes per class of the n votes.
    pub counts: Counts,
}

/// Votes that decide nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abstention {
    /// The class that would have been certified.
    pub class: usize,
    /// Votes for it among those counted.
    pub count: u32,
    /// Votes per class of all votes that were counted.
    pub counts: Counts,
}

/// Why counts are not those of a table.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConcludeError {
    /// A prediction table holds no radii.
    Method,
    /// The counts do not add up to the table's number of votes.
    Votes {
        /// Votes of the table.
        expected: u32,
        /// Votes counted.
        found: u64,
    },
}

impl fmt::Display for ConcludeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Method => write!(f, "a prediction table certifies no radius"),
            Self::Votes { expected, found } => {
                write!(f, "{found} votes counted, the table is for {expected}")
            }
        }
    }
}

impl Error for ConcludeError {}

/// Looks up what the votes certify.
///
/// Two-stage: `selection` holds the n0 votes of [`Purpose::Select`](crate::noise::Purpose) samples `0..n0`
/// and names the class; single-stage: it is empty. `counts` holds the n votes of
/// [`Purpose::Estimate`](crate::noise::Purpose) samples `0..n`. Ties go to the lowest class.
///
/// Sequential: `selection` is empty and `counts` holds the votes of samples `0..t`, t being the votes of the first
/// checkpoint that decides, or of the last one.
pub fn conclude(table: &impl Lookup, selection: &Counts, counts: &Counts) -> Result<Outcome, ConcludeError> {
    let class = match table.method() {
        Method::TwoStage => {
            check(selection, table.n0())?;
            top(selection)
        }
        Method::SingleStage => top(counts),
        Method::Predict => return Err(ConcludeError::Method),
        Method::Sequential => {
            let radius = table.target().ok_or(ConcludeError::Method)?;
            return sequential::conclude(table, radius, counts);
        }
    };
    check(counts, table.n())?;
    let (counts, count) = (counts.clone(), counts.get(class).copied().unwrap_or(0));
    Ok(match table.radius(count) {
        Some(radius) => Outcome::Certified(Certificate {
            class,
            radius,
            norm: table.norm(),
            count,
            method: table.method(),
            n0: table.n0(),
            n: table.n(),
            alpha_bits: table.alpha_bits(),
            counts,
        }),
        None => Outcome::Abstained(Abstention { class, count, counts }),
    })
}

fn check(counts: &Counts, expected: u32) -> Result<(), ConcludeError> {
    let found = counts.iter().map(|&count| u64::from(count)).sum();
    if found == u64::from(expected) { Ok(()) } else { Err(ConcludeError::Votes { expected, found }) }
}
