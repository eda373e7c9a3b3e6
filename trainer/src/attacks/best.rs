//! The best image seen by an attack that asks for losses only.

use super::objective::margin;
use super::oracle::{Oracle, labels_of, pick};
use burn::tensor::{Int, Tensor};

/// For each image of a batch the candidate of highest margin, or the first that fools, which stays.
#[derive(Debug)]
pub(super) struct Best<'a> {
    oracle: &'a Oracle<'a>,
    labels: Tensor<1, Int>,
    images: Tensor<4>,
    margins: Vec<f32>,
}

impl<'a> Best<'a> {
    /// `first` is asked for.
    pub(super) fn new(oracle: &'a Oracle<'a>, labels: &[i32], first: &Tensor<4>) -> Self {
        let labels = labels_of(labels, first);
        let margins = oracle.losses(first, &|z| margin(z, &labels));
        Self { oracle, labels, images: first.clone(), margins }
    }

    /// Asks for the margins of `candidates`, and takes those that are better.
    pub(super) fn offer(&mut self, candidates: Tensor<4>) -> Vec<f32> {
        let now = self.oracle.losses(&candidates, &|z| margin(z, &self.labels));
        let better: Vec<bool> = now.iter().zip(&self.margins).map(|(n, b)| n > b && *b <= 0.0).collect();
        self.images = pick(&better, candidates, self.images.clone());
        self.margins.iter_mut().zip(&now).zip(better).filter(|(_, b)| *b).for_each(|((m, n), _)| *m = *n);
        now
    }

    /// The labels.
    pub(super) fn labels(&self) -> &Tensor<1, Int> {
        &self.labels
    }

    /// The images as they are.
    pub(super) fn images(&self) -> &Tensor<4> {
        &self.images
    }

    /// Whether all fool.
    pub(super) fn is_done(&self) -> bool {
        self.margins.iter().all(|m| *m > 0.0)
    }

    /// What was found, and whether it fools.
    pub(super) fn result(self) -> (Tensor<4>, Vec<bool>) {
        let fooled = self.margins.iter().map(|m| *m > 0.0).collect();
        (self.images, fooled)
    }
}
