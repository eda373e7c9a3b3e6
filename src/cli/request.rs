//! One certificate: from an image and a seed to a record.

use std::time::Instant;

use ringfence_runtime::Model;
use ringfence_runtime::certificate::{self, Lookup, Outcome, Radius};
use ringfence_runtime::smooth::{Image, Seed};

use super::CliError;
use super::model_file::ModelFile;
use super::seed::to_hex;
use super::tables::{Plan, Terms};
use super::voting::Workers;
use crate::data::{Dataset, Split};
use crate::report::{Method, Norm, Record, Row, Schema, SeedSource, Sequential, Stop, Unit, Verdict};

/// What all records of a run have in common.
pub(super) struct Request<'d> {
    pub plan: Plan,
    pub method: Method,
    /// The model as it was named.
    pub model: String,
    pub model_sha256: String,
    /// Deviation of the noise in pixels, which radii are made of.
    pub sigma: f64,
    /// What radii are measured in.
    pub norm: Norm,
    pub data: &'d dyn Dataset,
    pub split: Split,
}

impl<'d> Request<'d> {
    pub fn new(
        file: &ModelFile,
        model: &Model<'_>,
        data: (&'d dyn Dataset, Split),
        votes: (Method, u32, u32, f64),
        target: Option<f64>,
    ) -> Self {
        let (method, n0, n, alpha) = votes;
        let (kind, n0) = match method {
            Method::TwoStage => (certificate::Method::TwoStage, n0),
            Method::SingleStage => (certificate::Method::SingleStage, 0),
            Method::Sequential => (certificate::Method::Sequential, 0),
        };
        let plan = Plan { method: kind, n0, n, alpha, target };
        Self {
            plan,
            method,
            model: file.name().to_owned(),
            model_sha256: to_hex(&model.sha256()),
            sigma: f64::from_bits(model.sigma_bits()),
            norm: Norm::of(model.norm()),
            data: data.0,
            split: data.1,
        }
    }

    /// Certifies image `index` with the noise of `seed`.
    pub fn certify(
        &self,
        index: usize,
        seed: (&Seed, SeedSource),
        terms: &Terms<'_>,
        workers: &mut Workers<'_, '_, '_>,
    ) -> Result<Record, CliError> {
        let start = Instant::now();
        let shape = self.data.shape();
        let mut chw = vec![0; shape.bytes()];
        let label = self.data.read(index, &mut chw)?;
        let image = Image::chw(&chw, shape.channels, shape.height, shape.width)
            .map_err(|error| CliError::failed(format!("image {index}"), error))?;
        let votes = workers.certify(&image, seed.0, terms)?;
        let time = start.elapsed();
        let certificate = votes.outcome.certificate();
        let radius_units = certificate.map_or(0, |certificate| certificate.radius.units());
        let predict = certificate.map(|certificate| certificate.class);
        let target = self.plan.target.zip(terms.target());
        let sequential = target.map(|(pixels, target)| end(pixels, target, &votes.outcome));
        let stop = sequential.map(|end| Stop { verdict: end.outcome, samples: end.samples });
        let row = Row { idx: index, label, predict, radius_units, time, stop };
        Ok(Record {
            schema: Schema::One,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            idx: index,
            label,
            predict: row.predict_number(),
            norm: self.norm,
            unit: Unit::Pixel,
            radius: row.radius(),
            radius_units,
            radius_255: Record::steps_of_255(radius_units),
            correct: u8::from(row.correct()),
            time_s: time.as_secs_f64(),
            counts: votes.outcome.counts().to_vec(),
            selection: votes.selection.to_vec(),
            seed: to_hex(&seed.0.0),
            seed_source: seed.1,
            generator: workers.generator(),
            n0: self.plan.n0,
            n: self.plan.n,
            alpha: self.plan.alpha,
            method: self.method,
            sequential,
            sigma: self.sigma,
            model: self.model.clone(),
            model_sha256: self.model_sha256.clone(),
            image_sha256: to_hex(&image.sha256()),
            data: self.data.spec(),
            split: self.split.to_string(),
        })
    }
}

/// The end of a sequential certification of the radius `target`, asked for as `pixels`.
fn end(pixels: f64, target: Radius, outcome: &Outcome) -> Sequential {
    let verdict = match outcome {
        Outcome::Certified(_) => Verdict::Certified,
        Outcome::Refuted(_) => Verdict::Refuted,
        Outcome::Abstained(_) => Verdict::Abstained,
    };
    Sequential {
        target_radius: pixels,
        target_radius_units: target.units(),
        outcome: verdict,
        samples: outcome.votes(),
    }
}
