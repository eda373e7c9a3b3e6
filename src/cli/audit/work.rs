//! Threads that take images from a common counter; what a row says depends on the image and the key alone.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use ringfence_runtime::Model;
use ringfence_runtime::certificate::{Lookup, Outcome as Certified, Radius, conclude};
use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother};

use super::row::{AuditRow, Result as RowResult};
use crate::audit::{self, Ball, Effort, Finding, Judge, Outcome, Random, Search, Smoothed, Task};
use crate::cli::CliError;
use crate::cli::request::Request;
use crate::cli::seed::{SeedPlan, to_hex};
use crate::cli::tables::Terms;
use crate::cli::voting::ComputeArgs;

/// Images of other labels that walks may start from, and how many are looked at to find them.
const OTHERS: usize = 3;
const LOOKS: usize = 30;

/// What all rows have in common.
pub(super) struct Job<'j> {
    pub model: &'j Model<'j>,
    pub request: &'j Request<'j>,
    pub terms: &'j Terms<'j>,
    pub searches: &'j [&'j dyn Search],
    pub effort: Effort,
    pub seeds: SeedPlan,
    /// Factor on every radius.
    pub inflate: f64,
}

/// Audits the images of `pending` and gives each row to `done` as soon as it is there.
pub(super) fn all(
    job: &Job<'_>,
    compute: &ComputeArgs,
    pending: &[usize],
    mut done: impl FnMut(AuditRow) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let judge = Judge::new().map_err(|error| CliError::failed("audit", error))?;
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let mut arenas = compute.arenas(job.model);
    let (sender, rows) = mpsc::channel();
    std::thread::scope(|scope| {
        for arena in &mut arenas {
            let (sender, judge, next, stop) = (sender.clone(), &judge, &next, &stop);
            scope.spawn(move || {
                let mut smoother = Smoother::with_backend(job.model, arena.bytes_mut(), compute.backend());
                while !stop.load(Ordering::Relaxed) {
                    let Some(&index) = pending.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                    let row = match &mut smoother {
                        Ok(smoother) => job.row(index, smoother, judge),
                        Err(error) => Err(CliError::failed("worker threads", *error)),
                    };
                    if sender.send(row).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        // The first failure ends the run; the other threads stop after the image at hand.
        let result = rows.iter().try_for_each(|row| done(row?));
        stop.store(true, Ordering::Relaxed);
        result
    })
}

impl Job<'_> {
    /// Certifies image `index`, attacks the certificate.
    fn row(
        &self,
        index: usize,
        smoother: &mut Smoother<'_, '_, '_>,
        judge: &Judge,
    ) -> Result<AuditRow, CliError> {
        let data = self.request.data;
        let failed = |error: audit::AuditError| CliError::failed(format!("image {index}"), error);
        let shape = data.shape();
        let mut chw = vec![0; shape.bytes()];
        let label = data.read(index, &mut chw)?;
        let shape = [shape.channels, shape.height, shape.width];
        // One key an image: stream 0 seeds the certificate, 1 the noise of the queries, 2 is the attacker.
        let key = self.seeds.seed(index)?.0;
        let seed = Seed(Random::new(key, 0).bytes());
        let image = Image::chw(&chw, shape[0], shape[1], shape[2]).map_err(|error| failed(error.into()))?;
        let terms = self.terms;
        let mut votes =
            |purpose, n| smoother.tally(&image, &seed, purpose, 0..n).map_err(|error| failed(error.into()));
        let selection = votes(Purpose::Select, terms.n0())?;
        let counts = votes(Purpose::Estimate, terms.n())?;
        let outcome = conclude(terms, &selection, &counts)
            .map_err(|error| CliError::failed(format!("image {index}"), error))?;
        let mut row = AuditRow {
            idx: index,
            label,
            class: -1,
            radius_units: 0,
            searched_units: 0,
            result: RowResult::Abstained,
            lead: lead(outcome.counts()),
            worst_lead: None,
            worst_distance: None,
            found_by: None,
            queries: 0,
            confirmed: Vec::new(),
            candidate: None,
            seed: to_hex(&seed.0),
        };
        let Certified::Certified(certificate) = outcome else { return Ok(row) };
        row.class = certificate.class as i64;
        row.radius_units = certificate.radius.units();
        // The cast saturates.
        row.searched_units = (f64::from(row.radius_units) * self.inflate) as u32;
        row.result = RowResult::Held;
        let Some(ball) = Ball::new(&chw, Radius(row.searched_units)) else { return Ok(row) };
        let mut attacker = Random::new(key, 2);
        let others = self.others(label, &mut attacker)?;
        let task = Task { ball, class: certificate.class, shape, others: &others };
        let mut target = Smoothed::new(smoother, Random::new(key, 1));
        let finding = audit::attack(&mut target, &task, self.searches, self.effort, judge, &mut attacker);
        let finding = finding.map_err(failed)?;
        Ok(filled(row, &ball, finding))
    }

    /// A few images of other labels.
    fn others(&self, label: usize, attacker: &mut Random) -> Result<Vec<Vec<u8>>, CliError> {
        let data = self.request.data;
        let mut others = Vec::new();
        for _ in 0..LOOKS {
            let mut chw = vec![0; data.shape().bytes()];
            if data.read(attacker.below(data.len()), &mut chw)? != label {
                others.push(chw);
            }
            if others.len() == OTHERS {
                break;
            }
        }
        Ok(others)
    }
}

/// Votes of the first class less those of the second, as a share of all.
fn lead(counts: &[u32]) -> f64 {
    let mut sorted = counts.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let all: u32 = sorted.iter().sum();
    let [first, second] = [0, 1].map(|rank| f64::from(sorted.get(rank).copied().unwrap_or(0)));
    (first - second) / f64::from(all.max(1))
}

fn filled(mut row: AuditRow, ball: &Ball<'_>, finding: Finding) -> AuditRow {
    row.queries = finding.queries;
    if let Some(worst) = finding.worst {
        row.worst_lead = Some(worst.score.margin);
        row.worst_distance = Some((ball.distance2(&worst.image) as f64).sqrt() / ball.radius_255());
        row.found_by = Some(worst.found_by.to_owned());
    }
    let (result, confirmation) = match finding.outcome {
        Outcome::Held => return row,
        Outcome::Violated(confirmation) => (RowResult::Violated, confirmation),
        Outcome::Undecided(confirmation) => (RowResult::Undecided, confirmation),
    };
    row.result = result;
    row.candidate = Some(to_hex(&confirmation.image));
    row.confirmed = confirmation.counts;
    row
}
