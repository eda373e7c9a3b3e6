//! Votes of one image, drawn by all threads together.

use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use ringfence_runtime::certificate::{Lookup, Method, Outcome, conclude};
use ringfence_runtime::smooth::{
    Counts, Error, Image, Prediction, Purpose, Scores, Seed, Smoother, Verdict, Vote, add_counts,
};
use ringfence_runtime::{Backend, Model};

use super::CliError;
use super::aligned::Aligned;
use crate::report::Generator;

/// How samples are computed; no choice here changes a count.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Computing (no choice here changes a result)")]
pub(super) struct ComputeArgs {
    /// Threads that share the samples of an image; all logical processors if not given
    #[arg(long, value_name = "T", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Instruction set (`ringfence bench` lists them); the fastest that this processor has if not given
    #[arg(long, value_name = "NAME", value_parser = parse_backend)]
    backend: Option<Backend>,
    /// Samples computed side by side in one thread's arena; 16 with AMX, else 8, if not given
    #[arg(long, value_name = "B", value_parser = clap::value_parser!(u16).range(1..=16))]
    batch: Option<u16>,
}

impl ComputeArgs {
    pub fn threads(&self) -> usize {
        self.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), usize::from)
    }

    pub fn backend(&self) -> Backend {
        self.backend.unwrap_or_else(Backend::best)
    }

    pub fn batch(&self) -> usize {
        self.batch.map_or_else(|| batch_for(self.backend()), usize::from)
    }

    /// One arena a thread: all the memory that inference takes.
    pub fn arenas(&self, model: &Model<'_>) -> Vec<Aligned> {
        arenas(model, self.threads(), self.batch())
    }
}

/// One arena a thread.
pub(super) fn arenas(model: &Model<'_>, threads: usize, batch: usize) -> Vec<Aligned> {
    (0..threads).map(|_| Aligned::zeroed(model.arena_bytes(batch))).collect()
}

/// Samples side by side where nothing is asked for: what an operation costs before its first product is spread over
/// them, until their activations leave the second-level cache. AMX has the most to spread.
pub(super) fn batch_for(backend: Backend) -> usize {
    if backend == Backend::Amx { 16 } else { 8 }
}

pub(super) fn parse_backend(name: &str) -> Result<Backend, String> {
    let available: Vec<_> =
        Backend::ALL.into_iter().filter(|backend| backend.is_available()).map(Backend::name).collect();
    match Backend::from_name(name) {
        Some(backend) if backend.is_available() => Ok(backend),
        Some(_) => Err(format!("this processor cannot run it; it has {}", available.join(", "))),
        None => Err(format!("expected one of {}", available.join(", "))),
    }
}

/// What the votes of an image came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Votes {
    /// Selecting votes of each class; empty unless the method has two stages.
    pub selection: Counts,
    /// What the counted votes certify.
    pub outcome: Outcome,
}

/// A smoother a thread.
pub(super) struct Workers<'m, 'a, 's> {
    pub(super) pool: ThreadPool,
    pub(super) smoothers: Vec<Smoother<'m, 'a, 's>>,
    pub(super) batch: usize,
    generator: Generator,
}

impl<'m, 'a, 's> Workers<'m, 'a, 's> {
    /// One worker an arena, with noise of the default generator.
    pub fn new(model: &'m Model<'a>, arenas: &'s mut [Aligned], backend: Backend) -> Result<Self, CliError> {
        let pool = ThreadPoolBuilder::new()
            .num_threads(arenas.len())
            .build()
            .map_err(|error| CliError::failed("worker threads", error))?;
        let smoothers = arenas
            .iter_mut()
            .map(|arena| Smoother::with_backend(model, arena.bytes_mut(), backend))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| CliError::failed("worker threads", error))?;
        let batch = smoothers.iter().map(Smoother::batch).max().unwrap_or(1);
        Ok(Self { pool, smoothers, batch, generator: Generator::default() })
    }

    /// The same workers with noise of another generator.
    pub fn with_generator(self, generator: Generator) -> Self {
        let draw = |smoother: Smoother<'m, 'a, 's>| smoother.with_generator(generator.into());
        Self { smoothers: self.smoothers.into_iter().map(draw).collect(), generator, ..self }
    }

    /// The generator of the noise.
    pub fn generator(&self) -> Generator {
        self.generator
    }

    /// Samples that one worker really computes side by side: as many as asked for, fewer with very many classes.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// CERTIFY (Cohen et al. 2019), its single-stage or its sequential form, as `terms` says.
    pub fn certify(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        terms: &impl Lookup,
    ) -> Result<Votes, CliError> {
        if terms.method() == Method::Sequential {
            let outcome = self.certify_sequentially(image, seed, terms)?;
            return Ok(Votes { selection: Counts::new(), outcome });
        }
        let selection = match terms.method() {
            Method::TwoStage => self.tally(image, seed, Purpose::Select, terms.n0())?,
            _ => Counts::new(),
        };
        let counts = self.tally(image, seed, Purpose::Estimate, terms.n())?;
        let outcome =
            conclude(terms, &selection, &counts).map_err(|error| CliError::failed("votes", error))?;
        Ok(Votes { selection, outcome })
    }

    /// PREDICT (Cohen et al. 2019): the class with most votes, or an abstention where they are not significant.
    pub fn predict(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        terms: &impl Lookup,
    ) -> Result<Prediction, CliError> {
        Ok(Prediction::new(terms, self.tally(image, seed, Purpose::Vote, terms.n())?))
    }

    /// The winner of a vote of `n` samples.
    pub fn vote(&mut self, image: &Image<'_>, seed: &Seed, n: u32, vote: Vote) -> Result<Verdict, CliError> {
        let draw = |smoother: &mut Smoother<'_, '_, '_>, samples| smoother.scores(image, seed, vote, samples);
        let add = |scores: &mut Scores, more: &Scores| {
            scores.iter_mut().zip(more).for_each(|(score, more)| *score += more);
        };
        self.share_out(0..n, draw, add).map(Verdict::new)
    }

    /// The class of the image itself, without noise.
    pub fn classify(&mut self, image: &Image<'_>) -> Result<usize, CliError> {
        self.share_out(0..1, |smoother, _| smoother.classify(image), |_, _| ())
    }

    /// Votes of samples `0..n`.
    pub fn tally(
        &mut self,
        image: &Image<'_>,
        seed: &Seed,
        purpose: Purpose,
        n: u32,
    ) -> Result<Counts, CliError> {
        let draw =
            |smoother: &mut Smoother<'_, '_, '_>, samples| smoother.tally(image, seed, purpose, samples);
        self.share_out(0..n, draw, add_counts)
    }

    /// Sums over a range of samples. Threads take whole batches from a common counter; what a sample adds depends on its
    /// index alone, so the sums do not depend on who took which.
    pub(super) fn share_out<S: Send>(
        &mut self,
        samples: Range<u32>,
        draw: impl Fn(&mut Smoother<'m, 'a, 's>, Range<u32>) -> Result<S, Error> + Sync,
        add: impl Fn(&mut S, &S) + Sync,
    ) -> Result<S, CliError> {
        let failed = |error| CliError::failed("votes", error);
        if samples.is_empty() {
            return Err(failed(Error::NoSamples));
        }
        // Nobody to share with: no other thread has to wake up.
        if let [smoother] = &mut self.smoothers[..] {
            return draw(smoother, samples).map_err(failed);
        }
        let parts = 8 * self.smoothers.len();
        let share = samples.len().div_ceil(parts).next_multiple_of(self.batch) as u32;
        let next = AtomicU32::new(samples.start);
        let work = |smoother: &mut Smoother<'m, 'a, 's>| {
            let mut sum = None;
            loop {
                // There are at most 2^20 samples and a share is not much more, so the counter cannot wrap.
                let start = next.fetch_add(share, Ordering::Relaxed);
                if start >= samples.end {
                    return Ok(sum);
                }
                merge(&mut sum, draw(smoother, start..samples.end.min(start + share))?, &add);
            }
        };
        let smoothers = &mut self.smoothers;
        let sums: Result<Vec<Option<S>>, Error> =
            self.pool.install(|| smoothers.par_iter_mut().with_max_len(1).map(work).collect());
        let mut total = None;
        for sum in sums.map_err(failed)?.into_iter().flatten() {
            merge(&mut total, sum, &add);
        }
        total.ok_or_else(|| failed(Error::NoSamples))
    }
}

pub(super) fn merge<S>(total: &mut Option<S>, more: S, add: impl Fn(&mut S, &S)) {
    match total {
        None => *total = Some(more),
        Some(total) => add(total, &more),
    }
}
