//! Repeats a piece of work and keeps best and median.

use std::fmt::Write;
use std::time::Instant;

struct Figure {
    name: String,
    unit: &'static str,
    best: f64,
    median: f64,
}

/// Figures in the order they were measured.
pub struct Sampler {
    count: usize,
    figures: Vec<Figure>,
}

impl Sampler {
    /// Takes `count` samples for each figure.
    pub fn new(count: usize) -> Self {
        Self { count, figures: Vec::new() }
    }

    /// Measures `work`, which does `amount` (multiply-adds, bytes) each time; the figure is in billions a second.
    pub fn add(&mut self, name: impl Into<String>, unit: &'static str, amount: u64, mut work: impl FnMut()) {
        work();
        let mut rates: Vec<f64> = (0..self.count)
            .map(|_| {
                let start = Instant::now();
                work();
                amount as f64 / start.elapsed().as_secs_f64() / 1e9
            })
            .collect();
        rates.sort_by(f64::total_cmp);
        let figure =
            Figure { name: name.into(), unit, best: rates[self.count - 1], median: rates[self.count / 2] };
        eprintln!("{:40} {:8.1} best {:8.1} median {}", figure.name, figure.best, figure.median, figure.unit);
        self.figures.push(figure);
    }

    /// The best rate of a figure.
    pub fn best(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.best)
    }

    /// All figures; names are plain and need no escapes.
    pub fn json(&self, clock_ghz: f64) -> String {
        let mut text = format!(
            "{{\n  \"schema\": \"ringfence.peak/1\",\n  \"clock_ghz\": {clock_ghz:.3},\n  \"figures\": ["
        );
        for (i, figure) in self.figures.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            let Figure { name, unit, best, median } = figure;
            let cycle = best / clock_ghz;
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "{comma}\n    {{\"name\": \"{name}\", \"unit\": \"{unit}\", \"best\": {best:.2}, \"median\": {median:.2}, \
                 \"per_cycle\": {cycle:.1}}}"
            );
        }
        text + "\n  ]\n}\n"
    }
}
