//! Whether robust accuracy can be believed: checks for gradients that mislead attacks (Athalye et al. 2018,
//! arXiv:1802.00420; Carlini et al. 2019, arXiv:1902.06705) and for attacks that were too weak.
//!
//! A check that passes has failed to find a reason for doubt; it proves nothing.

mod bench;
mod black;
mod finding;
mod gradients;
mod noise;
mod records;
mod statistics;
mod steps;
mod twin;
mod unbounded;

#[cfg(test)]
mod tests;

pub use bench::{Bench, Ran, Subject};
pub use finding::{Finding, Verdict};
pub use records::{overfitting, selection};
pub use statistics::Versus;
pub use twin::twin;

use crate::attacks::{Aim, Apgd, Ascent, Attack, Loss, Pgd, Start};

/// How much the checks may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Effort {
    /// Minutes on a CPU for a hundred images of a small network.
    Quick,
    /// The step and query counts of the literature.
    Full,
}

/// Numbers of steps, draws and queries.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Size of the ball.
    pub epsilon: f64,
    /// Steps of the usual attack.
    pub steps: u32,
    /// Steps of the longest attack.
    pub longest: u32,
    /// Restarts of the union of losses.
    pub restarts: u32,
    /// Random points for each image.
    pub points: u32,
    /// Proposals of the square attack.
    pub queries: u32,
    /// Draws of the longest estimate of a gradient.
    pub draws: u32,
}

impl Plan {
    /// The plan for a ball of size `epsilon`.
    #[must_use]
    pub fn new(effort: Effort, epsilon: f64) -> Self {
        match effort {
            Effort::Quick => {
                Self { epsilon, steps: 20, longest: 80, restarts: 2, points: 200, queries: 500, draws: 16 }
            }
            Effort::Full => Self {
                epsilon,
                steps: 20,
                longest: 1000,
                restarts: 10,
                points: 10_000,
                queries: 5000,
                draws: 128,
            },
        }
    }
}

/// A projected ascent of so many steps on a loss; together they are 2.5 radii long, each at most one.
fn ascent(bench: &Bench, steps: u32, loss: Loss) -> Attack {
    let step = if steps == 1 { 1.0 } else { (2.5 / f64::from(steps)).min(1.0) };
    let start = if steps == 1 { Start::Image } else { Start::Uniform };
    let pgd = Pgd { norm: bench.norm, epsilon: 1.0, step, steps, start };
    Attack::Ascent(Ascent { pgd, loss, aim: Aim::Away, restarts: 1 })
}

/// The white-box attacks whose union the checks compare with.
fn white(bench: &Bench, plan: &Plan) -> Vec<(&'static str, Attack)> {
    let each = match ascent(bench, plan.steps, Loss::Margin) {
        Attack::Ascent(a) => Attack::Ascent(Ascent { aim: Aim::EachClass, ..a }),
        other => other,
    };
    let apgd =
        Apgd { norm: bench.norm, steps: plan.steps, restarts: 1, loss: Loss::CrossEntropy, targets: 0 };
    vec![
        ("PGD", ascent(bench, plan.steps, Loss::CrossEntropy)),
        ("PGD on the margin", ascent(bench, plan.steps, Loss::Margin)),
        ("MultiTargeted", each),
        ("APGD", Attack::Apgd(apgd)),
    ]
}

/// All checks that need nothing but the classifier and, for transfer, `sources`; `report` is called after each.
pub fn run(bench: &Bench, plan: &Plan, sources: &[Bench], report: &mut dyn FnMut(&Finding)) -> Vec<Finding> {
    let headline = Headline::new(bench, plan, sources);
    let checks: [&dyn Fn() -> Finding; 13] = [
        &|| steps::one_step(bench, plan),
        &|| black::black_box(bench, plan, &headline),
        &|| unbounded::unbounded(bench, plan),
        &|| black::sampling(bench, plan, &headline),
        &|| unbounded::larger(bench, plan),
        &|| gradients::sanity(bench),
        &|| steps::convergence(bench, plan),
        &|| steps::losses(bench, plan, &headline),
        &|| noise::draws(bench, plan),
        &|| noise::inputs(bench),
        &|| noise::frozen(bench, plan, &headline),
        &|| black::transfer(&headline),
        &|| gradients::leaking(bench, plan),
    ];
    let mut findings = vec![];
    for check in checks {
        let finding = check();
        report(&finding);
        findings.push(finding);
    }
    findings
}

/// What the white-box attacks leave.
#[derive(Debug)]
pub(crate) struct Headline {
    /// The first of them alone.
    pub usual: Ran,
    /// The worst case over all, image by image.
    pub union: Ran,
    /// What images crafted on each of the sources leave.
    pub transfers: Vec<Ran>,
}

impl Headline {
    pub(crate) fn new(bench: &Bench, plan: &Plan, sources: &[Bench]) -> Self {
        let runs = white(bench, plan).into_iter().map(|(_, attack)| bench.attack(&attack, plan.epsilon));
        let mut runs: Vec<Ran> = runs.collect();
        let union = runs.iter().fold(bench.clean(), |all, run| all.or(run));
        let attack = ascent(bench, plan.steps, Loss::CrossEntropy);
        let transfers = sources.iter().map(|s| bench.transferred(&attack, s.subject, plan.epsilon)).collect();
        Self { usual: runs.swap_remove(0), union, transfers }
    }
}
