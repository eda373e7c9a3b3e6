//! What a caller gets: results with room for the classes of every model.

use crate::certificate::{self, Outcome};
use crate::format;
use crate::smooth::{self, Prediction};

/// Most classes of a model: entries of each list of votes.
pub const MAX_CLASSES: usize = 128;

/// Radius units in one pixel of full scale 1, that is 255 steps of a byte.
pub const RADIUS_ONE: u32 = 1_048_576;

const _: () = assert!(MAX_CLASSES == format::MAX_CLASSES && RADIUS_ONE == certificate::Radius::ONE);

/// A SHA-256 digest.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSha256 {
    /// The digest.
    pub bytes: [u8; 32],
}

/// The result of a vote.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CVerdict {
    /// The class with the largest score, the lowest among equals.
    pub class_index: u32,
    /// Scores that mean something; the others are 0.
    pub classes: u32,
    /// Scores per class.
    pub scores: [u64; MAX_CLASSES],
}

/// The result of PREDICT.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CPrediction {
    /// Whether the two top classes are too close for an answer.
    pub abstained: bool,
    /// The class with most votes; with probability at least 1 - alpha that of the smoothed classifier, unless abstained.
    pub class_index: u32,
    /// Counts that mean something; the others are 0.
    pub classes: u32,
    /// Votes per class.
    pub counts: [u32; MAX_CLASSES],
}

/// What a certification ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Decision {
    /// Nothing is claimed: the votes were not clear enough.
    Abstained = 0,
    /// With probability at least 1 - alpha over the noise, the smoothed classifier gives this class for every image
    /// whose L2 distance is below the radius.
    Certified = 1,
    /// With probability at least 1 - alpha over the noise, no class is likely enough for the target radius to be proved by
    /// any number of votes (sequential budgets only).
    Refuted = 2,
}

/// The result of a certification.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct COutcome {
    /// What is claimed.
    pub decision: Decision,
    /// The class that is certified, or would have been.
    pub class_index: u32,
    /// Its votes.
    pub count: u32,
    /// Votes that were counted, those that selected a class not among them.
    pub votes: u32,
    /// If certified, the radius: an L2 distance in units of 2^-20 pixel of full scale 1, rounded down. If refuted, the
    /// radius that is out of reach. Otherwise 0.
    pub radius: u32,
    /// Counts that mean something; the others are 0.
    pub classes: u32,
    /// Votes per class of those that were counted.
    pub counts: [u32; MAX_CLASSES],
}

/// A result that is written where it goes: the lists are long, and stacks are small.
///
/// # Safety
/// Zero bytes are a value.
pub(super) unsafe trait Answer<T> {
    /// Takes over a result; everything is zero so far.
    fn fill(&mut self, result: &T);
}

// SAFETY: a number.
unsafe impl Answer<usize> for u32 {
    fn fill(&mut self, result: &usize) {
        *self = *result as u32;
    }
}

// SAFETY: numbers.
unsafe impl Answer<smooth::Verdict> for CVerdict {
    fn fill(&mut self, verdict: &smooth::Verdict) {
        self.class_index = verdict.class as u32;
        self.classes = copy(&mut self.scores, &verdict.scores);
    }
}

// SAFETY: numbers and false.
unsafe impl Answer<Prediction> for CPrediction {
    fn fill(&mut self, prediction: &Prediction) {
        let counts = prediction.counts();
        self.abstained = prediction.class().is_none();
        self.class_index = smooth::top(counts) as u32;
        self.classes = copy(&mut self.counts, counts);
    }
}

// SAFETY: numbers and `Decision::Abstained`.
unsafe impl Answer<Outcome> for COutcome {
    fn fill(&mut self, outcome: &Outcome) {
        (self.decision, self.radius) = match outcome {
            Outcome::Certified(certificate) => (Decision::Certified, certificate.radius.units()),
            Outcome::Refuted(refutation) => (Decision::Refuted, refutation.radius.units()),
            Outcome::Abstained(_) => (Decision::Abstained, 0),
        };
        let (class, count) = outcome.candidate();
        (self.class_index, self.count, self.votes) = (class as u32, count, outcome.votes());
        self.classes = copy(&mut self.counts, outcome.counts());
    }
}

/// Copies values into a list; their number.
fn copy<T: Copy>(list: &mut [T; MAX_CLASSES], values: &[T]) -> u32 {
    list.iter_mut().zip(values).for_each(|(entry, value)| *entry = *value);
    values.len() as u32
}
