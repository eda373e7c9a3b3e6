//! What a third party needs to recompute a certificate.

use super::{Lookup, Outcome, Radius};
use crate::format::{Method, Model, Norm};
use crate::noise::{Generator, Seed};
use crate::smooth::{Counts, Image};

/// A certificate with everything it depends on: recomputing it on any machine gives the same record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Version of this crate.
    pub version: &'static str,
    /// SHA-256 of the model file.
    pub model_sha256: [u8; 32],
    /// SHA-256 of the image, see [`Image::sha256`].
    pub image_sha256: [u8; 32],
    /// The seed of the noise.
    pub seed: Seed,
    /// The generator of the noise.
    pub generator: Generator,
    /// How the votes were used.
    pub method: Method,
    /// Votes that chose the class (two-stage only).
    pub n0: u32,
    /// Votes that were counted; the most allowed in the sequential form.
    pub n: u32,
    /// Bits of the f64 that bounds the probability of a wrong statement.
    pub alpha_bits: u64,
    /// The radius that was to be certified (sequential only).
    pub target: Option<Radius>,
    /// Votes at which it stopped: n but for the sequential form.
    pub votes: u32,
    /// The class that was certified or considered.
    pub class: usize,
    /// Its votes.
    pub count: u32,
    /// Votes per class of all that were counted.
    pub counts: Counts,
    /// What radii are measured in.
    pub norm: Norm,
    /// The radius; none for a refutation or an abstention.
    pub radius: Option<Radius>,
    /// Whether the target radius was refuted.
    pub refuted: bool,
}

impl Record {
    /// The record of an outcome.
    pub fn new(
        model: &Model<'_>,
        image: &Image<'_>,
        (seed, generator): (&Seed, Generator),
        table: &impl Lookup,
        outcome: &Outcome,
    ) -> Self {
        let (class, count) = outcome.candidate();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            model_sha256: model.sha256(),
            image_sha256: image.sha256(),
            seed: *seed,
            generator,
            method: table.method(),
            n0: table.n0(),
            n: table.n(),
            alpha_bits: table.alpha_bits(),
            target: table.target(),
            votes: outcome.votes(),
            class,
            count,
            counts: outcome.counts().clone(),
            norm: table.norm(),
            radius: outcome.certificate().map(|certificate| certificate.radius),
            refuted: matches!(outcome, Outcome::Refuted(_)),
        }
    }
}
