//! Perturbations of images that raise a loss.

mod apgd;
mod ascent;
mod ball;
mod carlini;
mod ddn;
mod deepfool;
mod fmn;
mod found;
mod interval;
mod journal;
mod objective;
mod oracle;
mod outcome;
mod pgd;
mod registry;
mod rounds;
mod square;
mod suite;
mod target;
mod trial;
mod watch;

#[cfg(test)]
mod tests;

pub use apgd::Apgd;
pub use ascent::{Aim, Ascent};
pub use ball::{Ball, Norm};
pub use carlini::{Carlini, Goal, Inside};
pub use ddn::Ddn;
pub use deepfool::DeepFool;
pub use fmn::Fmn;
pub use found::{Found, norms};
pub use interval::clopper_pearson_95;
pub use journal::{Journal, Key, Progress, Step};
pub use objective::{Loss, margin, targeted_ratio};
pub use oracle::{Cost, Estimator, Oracle, Target};
pub use outcome::{Line, Outcome, Record, Results, Try};
pub use pgd::{Pgd, Start};
pub use registry::{ATTACKS, Attack, Entry, SUITES, attack, suite};
pub use square::Square;
pub use suite::Suite;
pub use target::NetTarget;
pub use trial::Example;
pub use watch::Watch;
