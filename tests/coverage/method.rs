//! The methods under test: real tables, the runtime's conclusions.

use crate::classifier::Classifier;
use ringfence::certificate::{self, Method, Table};
use ringfence_runtime::certificate::{CertificateTable, Radius, conclude};
use ringfence_runtime::smooth::{Counts, Prediction};
use statrs::distribution::{ContinuousCDF, Normal};

pub const SIGMA: f64 = 0.25;

/// Total variation charged, units of 2^-64: that of a real noise table for 3x32x32.
const CHARGE: u64 = 59_000_000;

/// A table and what it promises.
pub struct Tested {
    pub name: String,
    /// Promised bound of the rate of wrong statements.
    pub alpha: f64,
    table: Table,
    bytes: Vec<u8>,
}

/// Every method, at two levels and for few and many votes.
pub fn methods() -> Vec<Tested> {
    let mut methods = Vec::new();
    for alpha in [0.05, 0.001] {
        for n in [100, 1000] {
            methods.push(Tested::new(certificate::two_stage(20, n, alpha, SIGMA, CHARGE).unwrap(), alpha));
            methods.push(Tested::new(certificate::single_stage(n, alpha, SIGMA, CHARGE).unwrap(), alpha));
            methods.push(Tested::new(certificate::predict(n, alpha).unwrap(), alpha));
        }
    }
    methods
}

/// The same method with a table that is one count too generous; none for PREDICT, which has no radii.
pub fn raised(tested: Tested) -> Option<Tested> {
    let Tested { mut table, alpha, .. } = tested;
    if table.method == Method::Predict {
        return None;
    }
    let next = table.entries.clone();
    table.entries.iter_mut().zip(&next[1..]).for_each(|(radius, next)| *radius = *next);
    let mut raised = Tested::new(table, alpha);
    raised.name.push_str(", raised");
    Some(raised)
}

impl Tested {
    fn new(table: Table, alpha: f64) -> Self {
        let name = format!("{:?} n = {}", table.method, table.n);
        Self { name, alpha, bytes: table.entry_bytes(), table }
    }

    /// Counts, and probabilities so little below what their radii claim that a certificate with such a count is wrong.
    pub fn edges(&self) -> Vec<(u32, f64)> {
        if self.table.method == Method::Predict {
            return Vec::new();
        }
        let (first, n) = (self.table.first, self.table.n);
        let counts = [first + (n - first) / 20, (first + n) / 2, first + (n - first) * 9 / 10, n - 1];
        let half_unit = 0.5 / f64::from(Radius::ONE);
        let edge = |count| pixels(Radius(self.table.radius(count).unwrap())) - half_unit;
        counts.map(|count| (count, Normal::standard().cdf(edge(count) / SIGMA))).to_vec()
    }

    /// Whether votes are so few that drawing them one by one is cheap.
    pub fn has_few_votes(&self) -> bool {
        self.table.n <= 100
    }

    /// Selecting and counted votes of a statement.
    pub fn votes(&self) -> (u32, u32) {
        (self.table.n0, self.table.n)
    }

    /// Judges statements about a classifier.
    pub fn judge<'t>(&'t self, classifier: &'t Classifier) -> Judge<'t> {
        let table = self.table.view(&self.bytes).unwrap();
        let top = classifier.top().map(|(class, _)| class);
        let holds = |count| {
            let radius = table.radius(count).map(pixels);
            top.is_some_and(|top| classifier.supports(top, radius))
        };
        Judge { table, top, holds: (0..=table.n()).map(holds).collect() }
    }
}

/// Concludes from votes as the runtime does, and knows the truth.
pub struct Judge<'t> {
    table: CertificateTable<'t>,
    /// The most likely class.
    top: Option<usize>,
    /// For each count of the most likely class, whether what it certifies is true.
    holds: Vec<bool>,
}

impl Judge<'_> {
    /// Whether these votes lead to a wrong statement.
    pub fn is_wrong(&self, selection: Counts, counts: Counts) -> bool {
        if self.table.method() == Method::Predict {
            return Prediction::new(&self.table, counts).class().is_some_and(|class| self.top != Some(class));
        }
        let outcome = conclude(&self.table, &selection, &counts).unwrap();
        outcome.certificate().is_some_and(|c| self.top != Some(c.class) || !self.holds[c.count as usize])
    }
}

/// Exact: a 32-bit integer divided by a power of two.
fn pixels(radius: Radius) -> f64 {
    f64::from(radius.units()) / f64::from(Radius::ONE)
}
