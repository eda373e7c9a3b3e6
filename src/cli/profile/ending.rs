//! From rows to the document, and where it goes.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use super::Args;
use super::job::{Job, Way};
use super::layers::layers;
use crate::cli::lines::failed;
use crate::cli::seed::{SeedPlan, to_hex};
use crate::cli::{CliError, to_json};
use crate::profile::{
    Advice, Document, LayerTime, Levels, PROFILE_SCHEMA, ProfileRow, Set, Shares, Subject, Timing, Wish, csv,
    html, points, text,
};
use crate::report::{Generator, Norm};

/// What a run came to.
pub(super) struct Ending<'r> {
    pub args: &'r Args,
    /// The model as it was named.
    pub name: &'r str,
    pub job: &'r Job<'r>,
    pub rows: &'r [ProfileRow],
    /// The way that drew the votes.
    pub first: Way,
    /// Ways that are only timed.
    pub others: &'r [Way],
    /// How long each of them is timed.
    pub limit: Duration,
    /// Name of a board, and seconds of a sample.
    pub board: Option<(String, f64)>,
}

impl Ending<'_> {
    /// Writes everything that was asked for.
    pub fn conclude(&self, levels: &mut Levels) -> Result<(), CliError> {
        let document = self.document(levels)?;
        if let Some(path) = &self.args.csv {
            write(path, &csv(&document))?;
        }
        if let Some(path) = &self.args.html {
            write(path, &html(&document).map_err(|error| CliError::failed("page", error))?)?;
        }
        let text = if self.args.json { to_json(&document)? + "\n" } else { text(&document) };
        Ok(std::io::stdout().write_all(text.as_bytes())?)
    }

    fn document(&self, levels: &mut Levels) -> Result<Document, CliError> {
        let radii = self.args.radii(Norm::of(self.job.model.norm()));
        let points = points(self.rows, (self.job.grid, self.job.rules, &radii), levels, self.job.anytime);
        let timings = self.timings()?;
        let wish = Wish { radius: self.args.target_radius, budget_ms: self.args.budget_ms };
        Ok(Document {
            schema: PROFILE_SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            subject: self.subject(),
            plain: Shares::plain(self.rows),
            advice: timings.iter().map(|timing| Advice::new(&points, timing, wish)).collect(),
            points,
            timings,
            layers: self.layers()?,
        })
    }

    fn subject(&self) -> Subject {
        let model = self.job.model;
        let count = |set| self.rows.iter().filter(|row| row.set == set).count();
        Subject {
            model: self.name.to_owned(),
            model_sha256: to_hex(&model.sha256()),
            sigma: f64::from_bits(model.sigma_bits()),
            norm: Norm::of(model.norm()),
            data: self.job.images.first().map_or(String::new(), |images| images.data.spec()),
            split: self.args.images.split().to_string(),
            images: count(Set::Clean),
            attacked: self.args.attacked.as_ref().map(|path| path.display().to_string()),
            attacked_images: count(Set::Attacked),
            alpha: self.args.alpha,
            target_radius: self.args.target_radius,
            generator: match self.args.generator {
                Generator::Xoshiro => "xoshiro",
                Generator::ChaCha8 => "chacha8",
            },
            seed: self.job.seeds.given_hex(),
            certificate: self.job.seeds == SeedPlan::Os,
        }
    }

    /// Measured times, then those of the board.
    fn timings(&self) -> Result<Vec<Timing>, CliError> {
        let ns = self.job.grid.ns();
        let mut timings = Vec::new();
        if !self.args.untimed && !self.rows.is_empty() {
            let seconds: Vec<&[f64]> = self.rows.iter().map(|row| row.seconds.as_slice()).collect();
            timings.push(self.first.timing(ns, &seconds));
            for &way in self.others {
                timings.push(self.job.time(way, self.rows, self.limit)?);
            }
        }
        timings.extend(self.board.iter().map(|(name, seconds)| Timing::predicted(name, ns, *seconds)));
        Ok(timings)
    }

    /// Only for those who read it: it takes most of a second.
    fn layers(&self) -> Result<Vec<LayerTime>, CliError> {
        if self.args.untimed || !(self.args.json || self.args.html.is_some()) {
            return Ok(Vec::new());
        }
        let Some((images, &index)) =
            self.job.images.iter().find_map(|images| Some((images, images.indices.first()?)))
        else {
            return Ok(Vec::new());
        };
        let mut chw = vec![0; images.data.shape().bytes()];
        images.data.read(index, &mut chw)?;
        layers(self.job.model, self.first.backend, self.first.batch, &chw)
    }
}

fn write(path: &Path, text: &str) -> Result<(), CliError> {
    std::fs::write(path, text).map_err(failed(path, "cannot be written"))
}
