//! Chi-square and Kolmogorov tests of the noise, over as many draws as asked for:
//!
//! ```text
//! cargo bench --bench noise_statistics -- --draws 1e9
//! ```
//!
//! The noise is drawn as certificates draw it, sample by sample, and compared with the exact distribution of the table.
//! Neighbours that ought to be independent are compared too: adjacent values, consecutive values of a lane, and the same
//! value of consecutive samples. Exit code 1 if a p-value is below 1e-6 over the number of tests.

// A benchmark stops at the first thing that is wrong.
#![allow(clippy::unwrap_used)]

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use rayon::prelude::*;
use ringfence::noise::{NoiseTable, generate};
use ringfence_runtime::noise::{Generator, LANES, Noise, Purpose, Seed};
use statrs::distribution::{ChiSquared, ContinuousCDF};

/// Values of a sample: 3 x 32 x 32.
const VALUES: usize = 3072;
/// Parts of about equal probability that neighbours are sorted into.
const PARTS: usize = 8;
/// Samples of one piece of work.
const PIECE: u32 = 64;

/// Test the noise of the runtime against its exact distribution.
#[derive(Parser)]
struct Args {
    /// Values to draw for each deviation and generator
    #[arg(long, default_value_t = 1e7)]
    draws: f64,
    /// Deviations of the noise, pixels of [0, 1]
    #[arg(long, value_delimiter = ',', default_value = "0.05,0.25,1")]
    sigma: Vec<f64>,
    /// Repeated in the seed's bytes
    #[arg(long, default_value_t = 0)]
    seed: u8,
    /// What cargo passes to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

/// What was drawn.
#[derive(Clone)]
struct Tally {
    /// Draws of each noise value.
    values: Vec<u64>,
    /// Adjacent values, consecutive values of a lane, same values of consecutive samples; by part of either.
    pairs: [[[u64; PARTS]; PARTS]; 3],
}

/// Names of [`Tally::pairs`].
const NEIGHBOURS: [&str; 3] = ["adjacent values", "values of a lane", "consecutive samples"];

impl Tally {
    fn new(columns: usize) -> Self {
        Self { values: vec![0; columns], pairs: [[[0; PARTS]; PARTS]; 3] }
    }

    fn plus(mut self, other: &Self) -> Self {
        self.values.iter_mut().zip(&other.values).for_each(|(sum, more)| *sum += more);
        let (sums, more) = (self.pairs.as_flattened_mut(), other.pairs.as_flattened());
        sums.as_flattened_mut().iter_mut().zip(more.as_flattened()).for_each(|(sum, more)| *sum += more);
        self
    }

    /// Counts two consecutive samples; every value is in at most one pair of a kind.
    fn count(&mut self, samples: [&[usize]; 2], part: &[u8]) {
        for sample in samples {
            sample.iter().for_each(|&column| self.values[column] += 1);
            for pair in sample.as_chunks::<2>().0 {
                self.add(0, pair[0], pair[1], part);
            }
            for (first, second) in sample.chunks_exact(2 * LANES).flat_map(|two| {
                let (first, second) = two.split_at(LANES);
                first.iter().zip(second)
            }) {
                self.add(1, *first, *second, part);
            }
        }
        for (first, second) in samples[0].iter().zip(samples[1]) {
            self.add(2, *first, *second, part);
        }
    }

    fn add(&mut self, kind: usize, first: usize, second: usize, part: &[u8]) {
        self.pairs[kind][usize::from(part[first])][usize::from(part[second])] += 1;
    }
}

/// Exact probabilities of a table.
struct Expected {
    values: Vec<f64>,
    /// Part of each column.
    part: Vec<u8>,
    parts: [f64; PARTS],
}

impl Expected {
    fn of(table: &NoiseTable) -> Self {
        let values: Vec<f64> = table.masses().iter().map(|&units| units as f64 / 2f64.powi(64)).collect();
        let (mut sum, mut parts) = (0.0, [0.0; PARTS]);
        let part = values.iter().map(|p| {
            // By the middle of the cell, so that no part is empty.
            let part = (((sum + p / 2.0) * PARTS as f64) as usize).min(PARTS - 1);
            sum += p;
            parts[part] += p;
            part as u8
        });
        let part = part.collect();
        Self { values, part, parts }
    }
}

fn main() {
    let args = Args::parse();
    let kinds = args.sigma.len() * 2;
    let least = 1e-6 / (kinds * (2 + NEIGHBOURS.len())) as f64;
    let pieces = (args.draws / (VALUES as f64 * f64::from(PIECE))).ceil().max(1.0) as u32;
    let style = ProgressStyle::with_template("noise {bar:30} {percent} %, {eta} left").unwrap();
    let bar = ProgressBar::new(u64::from(pieces) * kinds as u64).with_style(style);
    let mut worst: f64 = 1.0;
    for &sigma in &args.sigma {
        let table = generate(sigma, VALUES).unwrap();
        let expected = Expected::of(&table);
        for generator in [Generator::Xoshiro, Generator::ChaCha] {
            let tally = draw(&table, &expected, generator, &args, pieces, &bar);
            let draws = tally.values.iter().sum::<u64>();
            bar.suspend(|| println!("sigma {sigma}, {generator:?}, {draws} draws"));
            for (name, statistic, p) in tests(&tally, &expected) {
                bar.suspend(|| println!("  {name:<32} {statistic:<34} p = {p:.4}"));
                worst = worst.min(p);
            }
        }
    }
    bar.finish_and_clear();
    println!("least p-value {worst:.2e}, refused below {least:.1e}");
    if worst < least {
        std::process::exit(1);
    }
}

fn draw(
    table: &NoiseTable,
    expected: &Expected,
    generator: Generator,
    args: &Args,
    pieces: u32,
    bar: &ProgressBar,
) -> Tally {
    let (entries, seed) = (table.entry_bytes(), Seed([args.seed; 32]));
    let view = table.view(&entries);
    let piece = |piece: u32| {
        let mut tally = Tally::new(table.words.len());
        let mut samples = [[0usize; VALUES]; 2];
        for pair in 0..PIECE / 2 {
            for (sample, columns) in (piece * PIECE + 2 * pair..).zip(&mut samples) {
                let mut values = [0i16; VALUES];
                Noise::with_generator(view, generator, &seed, Purpose::Estimate, sample).fill(&mut values);
                let column = |value: i16| (i32::from(value) - table.min_value) as usize;
                columns.iter_mut().zip(values).for_each(|(slot, value)| *slot = column(value));
            }
            tally.count(samples.each_ref().map(|columns| &columns[..]), &expected.part);
        }
        bar.inc(1);
        tally
    };
    let empty = || Tally::new(table.words.len());
    (0..pieces).into_par_iter().map(piece).reduce(empty, |sum, more| sum.plus(&more))
}

/// Name, statistic and p-value of each test.
fn tests(tally: &Tally, expected: &Expected) -> Vec<(String, String, f64)> {
    let mut tests = vec![
        chi_square(
            "chi-square".to_owned(),
            tally.values.iter().copied().zip(expected.values.iter().copied()),
        ),
        kolmogorov(&tally.values, &expected.values),
    ];
    for (name, pairs) in NEIGHBOURS.into_iter().zip(&tally.pairs) {
        let cells = pairs
            .iter()
            .zip(&expected.parts)
            .flat_map(|(row, p)| row.iter().zip(&expected.parts).map(move |(&count, q)| (count, p * q)));
        tests.push(chi_square(format!("chi-square, {name}"), cells));
    }
    tests
}

/// Pearson's test; cells with fewer than 20 expected draws are counted as one.
fn chi_square(name: String, cells: impl Iterator<Item = (u64, f64)> + Clone) -> (String, String, f64) {
    let draws = cells.clone().map(|(count, _)| count).sum::<u64>() as f64;
    let (large, small): (Vec<_>, Vec<_>) = cells.partition(|(_, p)| p * draws >= 20.0);
    let rare = small.iter().fold((0, 0.0), |(counts, ps), (count, p)| (counts + count, ps + p));
    let rare = Some(rare).filter(|(_, p)| p * draws >= 20.0);
    let term = |(count, p): (u64, f64)| (count as f64 - p * draws).powi(2) / (p * draws);
    let cells = large.into_iter().chain(rare);
    let (count, sum) = cells.fold((0u32, 0.0), |(cells, sum), cell| (cells + 1, sum + term(cell)));
    let freedom = f64::from(count - 1);
    let p = ChiSquared::new(freedom).unwrap().sf(sum);
    (name, format!("{sum:.1} for {freedom} degrees"), p)
}

/// Kolmogorov's test. The distribution has steps, so the p-value errs to the large side, by little.
fn kolmogorov(counts: &[u64], expected: &[f64]) -> (String, String, f64) {
    let draws = counts.iter().sum::<u64>() as f64;
    let (mut drawn, mut ideal, mut distance) = (0u64, 0.0, 0f64);
    for (count, p) in counts.iter().zip(expected) {
        drawn += count;
        ideal += p;
        distance = distance.max((drawn as f64 / draws - ideal).abs());
    }
    let scaled = draws.sqrt() * distance;
    let term = |k: i32| f64::from(1 - 2 * ((k + 1) % 2)) * (-2.0 * (f64::from(k) * scaled).powi(2)).exp();
    // The series converges slowly for distances so small that the p-value is 1 to many digits.
    let p = if scaled < 0.2 { 1.0 } else { (2.0 * (1..100).map(term).sum::<f64>()).clamp(0.0, 1.0) };
    ("Kolmogorov".to_owned(), format!("{scaled:.4} over sqrt(draws)"), p)
}
