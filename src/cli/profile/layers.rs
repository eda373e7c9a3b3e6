//! What each operation of the network takes.

use std::time::{Duration, Instant};

use ringfence_runtime::smooth::{Image, Purpose, Seed};
use ringfence_runtime::{Backend, Executor, Model};

use crate::cli::CliError;
use crate::cli::aligned::Aligned;
use crate::cli::bench::measure::{middle, network, pieces};
use crate::cli::voting::Workers;
use crate::compile::inspect::{Layer, inspect};
use crate::profile::LayerTime;

/// Time of each of the three measurements.
const LIMIT: Duration = Duration::from_millis(200);

/// Passes that are watched.
const PASSES: usize = 16;

/// Times one thread: a sample with and without its noise, and how the network's part falls to its operations. Watching costs a
/// little and is uneven, so what is watched gives shares only.
pub(super) fn layers(
    model: &Model<'_>,
    backend: Backend,
    batch: usize,
    chw: &[u8],
) -> Result<Vec<LayerTime>, CliError> {
    let mut arena = Aligned::zeroed(model.arena_bytes(batch));
    let shares = shares(model, backend, &mut arena, batch)?;
    let network = network(model, backend, &mut arena, batch, LIMIT)?;
    let sample = sample(model, backend, arena, chw)?;
    let noise = (sample - network).max(0.0);
    let whole = noise + network;
    let first =
        LayerTime { name: "noise".into(), kind: "noise", us: 1e6 * noise, share: noise / whole, macs: 0 };
    let report = inspect(model);
    let named = |before: &'static str, layers: Vec<Layer>| {
        let name = move |(index, layer): (usize, Layer)| {
            let name = layer.name.clone().unwrap_or_else(|| format!("{} {index}", layer.kind));
            (format!("{before}{name}"), layer)
        };
        layers.into_iter().enumerate().map(name)
    };
    let mask = named("mask: ", report.mask.map_or(Vec::new(), |mask| mask.layers));
    let rest = mask.chain(named("", report.layers)).zip(shares).map(|((name, layer), share)| LayerTime {
        name,
        kind: layer.kind,
        us: 1e6 * network * share,
        share: network * share / whole,
        macs: layer.macs,
    });
    Ok(std::iter::once(first).chain(rest).collect())
}

/// Seconds of a noisy sample.
fn sample(model: &Model<'_>, backend: Backend, arena: Aligned, chw: &[u8]) -> Result<f64, CliError> {
    let mut arenas = [arena];
    let mut workers = Workers::new(model, &mut arenas, backend)?;
    let input = model.input();
    let image = Image::chw(chw, input.channels, input.height, input.width)
        .map_err(|error| CliError::failed("image", error))?;
    let samples = 8 * workers.batch() as u32;
    let seed = Seed([1; 32]);
    let times = pieces(LIMIT, || workers.tally(&image, &seed, Purpose::Vote, samples).map(drop))?;
    Ok(middle(&times) / f64::from(samples))
}

/// The share of the networks' time that each operation takes: those of a mask network first.
fn shares(
    model: &Model<'_>,
    backend: Backend,
    arena: &mut Aligned,
    batch: usize,
) -> Result<Vec<f64>, CliError> {
    let executor = Executor::new(model, backend)
        .ok_or_else(|| CliError::Usage(format!("--backends {}: not on this processor", backend.name())))?;
    let mask = executor.mask();
    let before = mask.map_or(0, |mask| mask.network().ops().count());
    let all = before + model.ops().count();
    let mut seconds = vec![0.0; all];
    let mut logits = vec![0; batch * model.classes()];
    for pass in 0..=PASSES {
        let mut last = Instant::now();
        let mut add = |op: usize| {
            let now = Instant::now();
            // The first pass warms up.
            if let Some(sum) = seconds.get_mut(op).filter(|_| pass > 0) {
                *sum += now.duration_since(last).as_secs_f64();
            }
            last = now;
        };
        if let Some(mask) = &mask {
            mask.run(arena.bytes_mut(), batch, &mut [], |op, _, _| add(op))
                .map_err(|error| CliError::failed("mask network", error))?;
        }
        executor
            .run(arena.bytes_mut(), batch, &mut logits, |op, _, _| add(before + op))
            .map_err(|error| CliError::failed("network", error))?;
        // The logits, last, have no tensor to be shown.
        add(all.saturating_sub(1));
    }
    let whole: f64 = seconds.iter().sum();
    Ok(seconds.iter().map(|sum| sum / whole.max(f64::MIN_POSITIVE)).collect())
}
