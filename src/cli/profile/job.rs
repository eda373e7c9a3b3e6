//! The images of a profile, drawn once.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use ringfence_runtime::smooth::{Image, Seed};
use ringfence_runtime::{Backend, Model};

use super::draw::{Elected, elect};
use super::log::Log;
use crate::cli::CliError;
use crate::cli::seed::{SeedPlan, parse_seed, to_hex};
use crate::cli::voting::{Workers, arenas, batch_for};
use crate::data::Dataset;
use crate::profile::{Anytime, Grid, ProfileRow, Rule, Set, Timing};
use crate::report::Generator;

/// One way to compute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Way {
    pub backend: Backend,
    pub threads: usize,
    pub batch: usize,
}

impl Way {
    pub fn new(backend: Backend, threads: usize, batch: Option<u16>) -> Self {
        Self { backend, threads, batch: batch.map_or_else(|| batch_for(backend), usize::from) }
    }

    /// Times of images, each with an entry for each N.
    pub fn timing(self, ns: &[u32], images: &[&[f64]]) -> Timing {
        let s = if self.threads == 1 { "" } else { "s" };
        Timing {
            name: format!("{}, {} thread{s}", self.backend.name(), self.threads),
            backend: Some(self.backend.name()),
            threads: Some(self.threads),
            batch: Some(self.batch),
            predicted: false,
            images: images.len(),
            points: Timing::points(ns, images),
        }
    }
}

/// Images of one set.
pub(super) struct Images<'d> {
    pub set: Set,
    pub data: &'d dyn Dataset,
    pub indices: Vec<usize>,
}

/// What is drawn, and for which images.
pub(super) struct Job<'j> {
    pub model: &'j Model<'j>,
    pub grid: &'j Grid,
    pub rules: &'j [Rule],
    pub anytime: Option<&'j Anytime>,
    pub seeds: SeedPlan,
    pub generator: Generator,
    pub untimed: bool,
    pub images: &'j [Images<'j>],
}

impl Job<'_> {
    /// Draws the samples of every image that has no row yet.
    pub fn run(&self, way: Way, log: &mut Log, bar: &ProgressBar) -> Result<(), CliError> {
        let mut arenas = arenas(self.model, way.threads, way.batch);
        let mut workers = Workers::new(self.model, &mut arenas, way.backend)?.with_generator(self.generator);
        let done: HashSet<(Set, usize)> = log.rows.iter().map(|row| (row.set, row.idx)).collect();
        let all = self.images.iter().map(|images| images.indices.len()).sum::<usize>();
        bar.set_length(all as u64);
        bar.set_position(done.len() as u64);
        bar.reset_eta();
        for images in self.images {
            let left = images.indices.iter().filter(|index| !done.contains(&(images.set, **index)));
            for &index in left {
                let seed = self.seeds.seed(index)?;
                log.push(self.row(images, index, &seed, &mut workers)?)?;
                bar.inc(1);
            }
        }
        Ok(())
    }

    fn row(
        &self,
        images: &Images<'_>,
        index: usize,
        seed: &Seed,
        workers: &mut Workers<'_, '_, '_>,
    ) -> Result<ProfileRow, CliError> {
        let mut chw = vec![0; images.data.shape().bytes()];
        let label = images.data.read(index, &mut chw)?;
        let image = self.image(&chw)?;
        let elected = self.elect(&image, seed, workers)?;
        let stop = self.anytime.filter(|_| images.set == Set::Clean);
        Ok(ProfileRow {
            set: images.set,
            idx: index,
            label,
            plain: workers.classify(&image)?,
            stop: stop.map(|anytime| anytime.stop(&elected.samples, self.model.classes())),
            prediction: elected.prediction,
            counts: elected.counts,
            weighted: elected.weighted,
            soft: elected.soft,
            seconds: if self.untimed { Vec::new() } else { elected.seconds },
            seed: to_hex(&seed.0),
        })
    }

    fn image<'i>(&self, chw: &'i [u8]) -> Result<Image<'i>, CliError> {
        let input = self.model.input();
        Image::chw(chw, input.channels, input.height, input.width)
            .map_err(|error| CliError::failed("image", error))
    }

    fn elect(
        &self,
        image: &Image<'_>,
        seed: &Seed,
        workers: &mut Workers<'_, '_, '_>,
    ) -> Result<Elected, CliError> {
        elect(workers, (image, seed), (self.grid, self.rules), self.model.classes())
    }

    /// Times another way on the images of the rows, one after another, until `limit` is over, and holds it to their votes.
    pub fn time(&self, way: Way, rows: &[ProfileRow], limit: Duration) -> Result<Timing, CliError> {
        let mut arenas = arenas(self.model, way.threads, way.batch);
        let mut workers = Workers::new(self.model, &mut arenas, way.backend)?.with_generator(self.generator);
        let begin = Instant::now();
        let mut seconds: Vec<Vec<f64>> = Vec::new();
        for row in rows {
            if !seconds.is_empty() && begin.elapsed() >= limit {
                break;
            }
            let Some(images) = self.images.iter().find(|images| images.set == row.set) else { continue };
            let mut chw = vec![0; images.data.shape().bytes()];
            images.data.read(row.idx, &mut chw)?;
            let seed = parse_seed(&row.seed).map(Seed).ok_or_else(|| {
                CliError::Usage(format!("image {}: seed `{}` is no hexadecimal number", row.idx, row.seed))
            })?;
            let elected = self.elect(&self.image(&chw)?, &seed, &mut workers)?;
            if (&elected.prediction, &elected.counts) != (&row.prediction, &row.counts) {
                return Err(CliError::CheckFailed(format!(
                    "image {}: {} counts other votes than the rows hold",
                    row.idx,
                    way.backend.name()
                )));
            }
            seconds.push(elected.seconds);
        }
        let images: Vec<&[f64]> = seconds.iter().map(Vec::as_slice).collect();
        Ok(way.timing(self.grid.ns(), &images))
    }
}
