//! Timed pieces of work.

use std::time::{Duration, Instant};

use ringfence_runtime::certificate::Method;
use ringfence_runtime::smooth::{Image, Purpose, Seed};
use ringfence_runtime::{Backend, Executor, Model};
use serde::Serialize;

use super::super::CliError;
use super::super::aligned::Aligned;
use super::super::tables::{Plan, Terms};
use super::super::voting::{Workers, batch_for};

/// Fewest timed pieces of a measurement: a median needs some.
const PIECES: usize = 9;

/// Votes that select the class of a certificate.
const SELECTING: u32 = 100;

/// A certificate that takes more times the time of a line than this is not timed.
const PATIENCE: f64 = 10.0;

/// What to spend.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Samples side by side; what suits the backend if not given.
    pub batch: Option<usize>,
    /// Counted votes of a certificate.
    pub n: u32,
    /// Time of one measurement.
    pub time: Duration,
}

/// One line of the result.
#[derive(Debug, Serialize)]
pub struct Line {
    pub schema: &'static str,
    pub model: String,
    pub backend: &'static str,
    pub threads: usize,
    pub batch: usize,
    /// Wall microseconds of a noisy sample, noise included: fastest piece.
    pub us_per_sample: f64,
    /// The same, median.
    pub us_per_sample_median: f64,
    /// Of the median, what is not the network: drawing, adding and quantising the noise. One thread only.
    pub us_noise_per_sample: Option<f64>,
    /// Multiply-accumulates of the network per second, at the median.
    pub gmacs_per_s: f64,
    /// Selected, counted and looked up.
    pub certificate_s: Option<f64>,
    pub n: u32,
}

/// Multiply-accumulates of the network for one sample.
pub fn macs(model: &Model<'_>) -> u64 {
    let mask = model.mask().map(|mask| mask.network.ops().map(|op| op.macs()).sum());
    model.ops().map(|op| op.macs()).sum::<u64>() + mask.unwrap_or(0)
}

/// Times one backend with some number of threads.
pub fn measure(
    budget: &Budget,
    model: &Model<'_>,
    name: &str,
    backend: Backend,
    threads: usize,
) -> Result<Line, CliError> {
    let (batch, limit) = (budget.batch.unwrap_or_else(|| batch_for(backend)), budget.time);
    let mut arenas: Vec<_> = (0..threads).map(|_| Aligned::zeroed(model.arena_bytes(batch))).collect();
    let network =
        if threads == 1 { Some(network(model, backend, &mut arenas[0], batch, limit)?) } else { None };
    let mut workers = Workers::new(model, &mut arenas, backend)?;
    let batch = workers.batch();
    // Time does not depend on what the picture shows.
    let input = model.input();
    let pixels: Vec<u8> = (0..input.values()).map(|i| (i * 89 % 251) as u8).collect();
    let image = Image::chw(&pixels, input.channels, input.height, input.width)
        .map_err(|error| CliError::failed("image", error))?;
    let seed = Seed([1; 32]);
    let piece = (8 * threads * batch) as u32;
    let times = pieces(limit, || workers.tally(&image, &seed, Purpose::Vote, piece).map(drop))?;
    let (least, median) = (times[0] / f64::from(piece), middle(&times) / f64::from(piece));
    let expected = median * (f64::from(budget.n) + f64::from(SELECTING));
    let certificate_s = if expected <= PATIENCE * limit.as_secs_f64() {
        let plan = Plan { method: Method::TwoStage, n0: SELECTING, n: budget.n, alpha: 0.001, target: None };
        let terms = Terms::find_or_make(model, plan)?;
        Some(middle(&pieces(limit, || workers.certify(&image, &seed, &terms).map(drop))?))
    } else {
        None
    };
    Ok(Line {
        schema: "ringfence.bench/1",
        model: name.to_owned(),
        backend: backend.name(),
        threads,
        batch,
        us_per_sample: 1e6 * least,
        us_per_sample_median: 1e6 * median,
        us_noise_per_sample: network.map(|network| 1e6 * (median - network).max(0.0)),
        gmacs_per_s: macs(model) as f64 / median / 1e9,
        certificate_s,
        n: budget.n,
    })
}

/// Median seconds of the networks alone for one sample.
pub fn network(
    model: &Model<'_>,
    backend: Backend,
    arena: &mut Aligned,
    batch: usize,
    limit: Duration,
) -> Result<f64, CliError> {
    let executor = Executor::new(model, backend)
        .ok_or_else(|| CliError::Usage(format!("--backends {}: not on this processor", backend.name())))?;
    let mut logits = vec![0; batch * model.classes()];
    let mask = executor.mask();
    let times = pieces(limit, || {
        let memory = arena.bytes_mut();
        for _ in 0..8 {
            if let Some(mask) = &mask {
                mask.run(memory, batch, &mut [], |_, _, _| ())
                    .map_err(|error| CliError::failed("mask network", error))?;
            }
            executor
                .run(memory, batch, &mut logits, |_, _, _| ())
                .map_err(|error| CliError::failed("network", error))?;
        }
        Ok(())
    })?;
    Ok(middle(&times) / (8 * batch) as f64)
}

/// Seconds of each run, sorted; after one that is not timed.
pub fn pieces(limit: Duration, mut run: impl FnMut() -> Result<(), CliError>) -> Result<Vec<f64>, CliError> {
    let begin = Instant::now();
    run()?;
    let few = if begin.elapsed() > limit { 1 } else { PIECES };
    let mut times = Vec::new();
    while times.len() < few || begin.elapsed() < limit {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times)
}

/// The middle of sorted times, of which there is at least one.
pub fn middle(times: &[f64]) -> f64 {
    times[times.len() / 2]
}
