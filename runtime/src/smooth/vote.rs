//! Smoothing without a certificate: three ways to count (Nemcovsky et al., *Adversarial robustness via noise
//! injection in smoothed models*, Applied Intelligence 2023, section 3.1).

use super::counts::zeros;
use super::{Error, Image, Scores, Smoother, top};
use crate::format::Softmax;
use crate::noise::{Purpose, Seed};
use crate::ops::argmax;
use core::ops::Range;

/// What a sample gives to each class.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vote {
    /// 1 to its class.
    Prediction,
    /// `2^(min(C, 16) - 1 - r)` to the class of rank r = 0, 1, .. by logit, nothing from rank 16 on; C
    /// classes.
    Weighted,
    /// The softmax of its logits, in units of 2^-16, rounded down.
    Soft,
}

/// Ranks that get a weight.
const RANKS: usize = 16;

/// The result of a vote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The class with the largest score, the lowest among equals.
    pub class: usize,
    /// Scores per class.
    pub scores: Scores,
}

impl Verdict {
    /// The verdict of these scores.
    pub fn new(scores: Scores) -> Self {
        Self { class: top(&scores), scores }
    }
}

impl Smoother<'_, '_, '_> {
    /// The class that `n` samples of [`Purpose::Vote`] elect.
    pub fn vote(&mut self, image: &Image<'_>, seed: &Seed, n: u32, vote: Vote) -> Result<Verdict, Error> {
        if n == 0 {
            return Err(Error::NoSamples);
        }
        self.scores(image, seed, vote, 0..n).map(Verdict::new)
    }

    /// Scores of a range of samples of [`Purpose::Vote`]; those of disjoint ranges add up.
    pub fn scores(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        vote: Vote,
        samples: Range<u32>,
    ) -> Result<Scores, Error> {
        let mut scores: Scores = zeros(self.model().classes());
        self.each_ballot(image, seed, samples, |ballot| ballot.add_to(vote, &mut scores))?;
        Ok(scores)
    }

    /// Shows what each of a range of samples of [`Purpose::Vote`] says, in order: for those who want several votes, or
    /// the votes of several N, from samples that are drawn once.
    pub fn each_ballot(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        samples: Range<u32>,
        mut visit: impl FnMut(Ballot<'_>),
    ) -> Result<(), Error> {
        let softmax = self.model().softmax();
        self.each_copy(image, seed, Purpose::Vote, samples, |logits| visit(Ballot { logits, softmax }))
    }
}

/// What one sample says about the classes.
#[derive(Clone, Copy, Debug)]
pub struct Ballot<'b> {
    logits: &'b [i32],
    softmax: Softmax<'b>,
}

impl Ballot<'_> {
    /// The class of the sample.
    pub fn class(&self) -> usize {
        argmax(self.logits)
    }

    /// Adds what the sample gives to each class; classes without a score are left out.
    pub fn add_to(&self, vote: Vote, scores: &mut [u64]) {
        match vote {
            Vote::Prediction => add_one(self.class(), scores),
            Vote::Weighted => add_weights(self.logits, scores),
            Vote::Soft => add_probabilities(&self.softmax, self.logits, scores),
        }
    }
}

fn add_one(class: usize, scores: &mut [u64]) {
    if let Some(score) = scores.get_mut(class) {
        *score += 1;
    }
}

fn add_weights(logits: &[i32], scores: &mut [u64]) {
    let ranked = logits.len().min(RANKS);
    for (class, (logit, score)) in logits.iter().zip(scores).enumerate() {
        // Ahead: larger logits, and equal ones of lower classes.
        let above = logits.iter().filter(|other| *other > logit).count();
        let equal = logits.iter().take(class).filter(|other| *other == logit).count();
        if let Some(shift) = ranked.checked_sub(1 + above + equal) {
            *score += 1 << shift;
        }
    }
}

fn add_probabilities(softmax: &Softmax<'_>, logits: &[i32], scores: &mut [u64]) {
    let largest = logits.iter().copied().max().unwrap_or(0);
    let weight = |logit: &i32| u64::from(softmax.weight(largest.abs_diff(*logit)));
    let sum: u64 = logits.iter().map(weight).sum();
    for (logit, score) in logits.iter().zip(scores) {
        // The largest logit's weight is positive, so the sum is.
        *score += (weight(logit) << 16).checked_div(sum).unwrap_or(0);
    }
}
