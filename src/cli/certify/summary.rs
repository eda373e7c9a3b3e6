//! The end of a run: summary, picture.

use std::io::Write;
use std::path::Path;

use indicatif::ProgressBar;
use ringfence_runtime::Model;
use ringfence_runtime::certificate::Lookup;
use serde_json::{Map, Value, json};

use super::Args;
use super::log::Log;
use crate::cli::request::Request;
use crate::cli::seed::SeedPlan;
use crate::cli::tables::Terms;
use crate::cli::{CliError, to_json};
use crate::report::{
    CERTIFY_SCHEMA, Curve, Generator, Method, Norm, Row, Stops, Summary, certified_accuracy_svg,
};

/// What a run came to.
pub(super) struct Ending<'r> {
    pub args: &'r Args,
    pub request: &'r Request<'r>,
    pub model: &'r Model<'r>,
    pub terms: &'r Terms<'r>,
    pub seeds: SeedPlan,
    /// Samples that a thread computes side by side.
    pub batch: usize,
    pub rows: &'r [Row],
}

impl Ending<'_> {
    /// Prints the summary and draws the picture if one is wanted.
    pub fn conclude(&self, log: &mut Log) -> Result<(), CliError> {
        let summary = Summary::of(self.rows, &self.args.radii(self.request.norm), self.request.norm);
        let mut stdout = std::io::stdout();
        if self.args.json {
            let line = to_json(&self.json(&summary))?;
            log.write(&line, &ProgressBar::hidden())?;
            if self.args.out.is_some() {
                writeln!(stdout, "{line}")?;
            }
        } else {
            writeln!(stdout, "\n{}", self.text(&summary))?;
        }
        self.args.plot.as_deref().map_or(Ok(()), |path| self.draw(path))
    }

    fn samples(&self) -> u64 {
        let all = self.request.plan.n0 + self.request.plan.n;
        self.rows.iter().map(|row| u64::from(row.stop.map_or(all, |stop| stop.samples))).sum()
    }

    /// Wall seconds of all rows, those of earlier sessions included.
    fn seconds(&self) -> f64 {
        self.rows.iter().map(|row| row.time.as_secs_f64()).sum()
    }

    /// Wall microseconds a noisy sample, all threads working; none without rows or times.
    fn us_per_sample(&self) -> Option<f64> {
        (!self.rows.is_empty() && !self.args.untimed).then(|| self.seconds() * 1e6 / self.samples() as f64)
    }

    fn arena_bytes(&self) -> usize {
        self.model.arena_bytes(self.batch)
    }

    fn json(&self, summary: &Summary) -> Value {
        let Request { plan, method, model, model_sha256, sigma, norm, data, split } = self.request;
        let shares: Map<_, _> =
            summary.scores.iter().map(|score| (score.key(), json!(score.share))).collect();
        let intervals: Map<_, _> = summary
            .scores
            .iter()
            .map(|score| (score.key(), json!([score.interval.0, score.interval.1])))
            .collect();
        let mut line = json!({
            "summary": {
                "images": summary.images,
                "certified_accuracy": shares,
                "interval_95": intervals,
                "abstain": summary.abstained,
                "wrong": summary.wrong,
                "average_certified_radius": summary.average_radius,
                "us_per_sample": self.us_per_sample(),
                "arena_bytes": self.arena_bytes(),
                "sample_arena_bytes": self.model.sample_arena_bytes(),
                "backend": self.args.compute.backend().name(),
                "threads": self.args.compute.threads(),
                "batch": self.batch,
                "method": method,
                "n0": plan.n0,
                "n": plan.n,
                "alpha": plan.alpha,
                "sigma": sigma,
                "norm": norm,
                "generator": self.args.generator,
                "seed": self.seeds.given_hex(),
                "certificate": self.seeds == SeedPlan::Os,
                "model": model,
                "model_sha256": model_sha256,
                "data": data.spec(),
                "split": split.to_string(),
            },
            "schema": CERTIFY_SCHEMA,
        });
        if let (Some(target), Some(stops)) = (plan.target, Stops::of(self.rows)) {
            line["summary"]["sequential"] = json!({
                "target_radius": target,
                "refuted": stops.refuted,
                "abstained": stops.abstained,
                "samples": stops.samples,
                "mean_samples": stops.mean(),
                "median_samples": stops.median,
            });
        }
        line
    }

    fn text(&self, summary: &Summary) -> String {
        let Request { plan, method, model, model_sha256, sigma, norm, data, split } = self.request;
        let votes = match method {
            Method::TwoStage => format!("n0 = {} to select, n = {} counted", plan.n0, plan.n),
            Method::SingleStage => format!("n = {}, single stage", plan.n),
            Method::Sequential => format!(
                "until {}radius {} is certified or out of reach, at most {}",
                if *norm == Norm::L2 { "" } else { "L-infinity " },
                plan.target.unwrap_or(0.0),
                plan.n
            ),
        };
        let compute = &self.args.compute;
        let speed = self.us_per_sample().map_or_else(
            || if self.args.untimed { "not timed" } else { "no image was certified" }.to_owned(),
            |us| {
                let image = self.seconds() / self.rows.len() as f64;
                format!("{us:.1} us a noisy sample, {image:.3} s an image")
            },
        );
        let votes = match self.args.generator {
            Generator::Xoshiro => votes,
            Generator::ChaCha8 => votes + ", noise of chacha8",
        };
        let statement = match method {
            Method::Sequential => "certificate and each refutation",
            Method::TwoStage | Method::SingleStage => "certificate",
        };
        let claim = match self.seeds {
            SeedPlan::Os => format!(
                "Each {statement} holds with probability at least 1 - {} over the noise drawn for it.",
                plan.alpha
            ),
            SeedPlan::Given(_) => {
                "Seeds derive from a given one: this is a replay or test, not a set of certificates."
                    .to_owned()
            }
        };
        let all_abstained = summary.images > 0 && summary.abstained == summary.images;
        // With a target radius refuted images are among them.
        let why = if all_abstained && *method != Method::Sequential {
            format!(
                "\nnote      every image abstained: was the network trained with noise of sigma {sigma}, is alpha within \
                 reach of {} votes? docs/faq.md",
                plan.n
            )
        } else {
            String::new()
        };
        format!(
            "model     {model}, sigma {sigma}, sha256 {}\n\
             data      {}, {split}, {} images\n\
             votes     {votes}, alpha = {}\n\
             {summary}{why}\n\
             speed     {speed} ({}, threads {}, batch {})\n\
             memory    arena {} bytes a thread, {} a sample\n\
             {claim}",
            &model_sha256[..16],
            data.spec(),
            summary.images,
            plan.alpha,
            compute.backend().name(),
            compute.threads(),
            self.batch,
            self.arena_bytes(),
            self.model.sample_arena_bytes(),
        )
    }

    fn draw(&self, path: &Path) -> Result<(), CliError> {
        let Request { plan, model, sigma, norm, data, .. } = self.request;
        let most = self.terms.target().or_else(|| self.terms.radius(plan.n));
        let limit = most.map_or(0.0, |radius| f64::from(radius.units()) / 1_048_576.0);
        let mark = if self.seeds == SeedPlan::Os { "" } else { "Replay or test with a given seed. " };
        let stem = Path::new(model).file_stem().map_or_else(|| model.into(), |stem| stem.to_string_lossy());
        let svg = certified_accuracy_svg(
            &format!("{mark}Certified accuracy: sigma {sigma}, n = {}, alpha = {}", plan.n, plan.alpha),
            &[Curve { name: &format!("{stem} on {}", data.name()), rows: self.rows, limit: Some(limit) }],
            *norm,
        );
        std::fs::write(path, svg).map_err(|source| CliError::File {
            path: path.to_owned(),
            action: "cannot be written",
            source,
        })
    }
}
