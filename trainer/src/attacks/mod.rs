//! Perturbations of images that raise a loss.

mod adaptive;
mod apgd;
mod ascent;
mod ball;
mod boundary;
mod carlini;
mod carlini_max;
mod carlini_zero;
mod ddn;
mod deepfool;
mod fab;
mod fmn;
mod found;
mod jsma;
mod lbfgs;
mod objective;
mod oracle;
mod pgd;
mod registry;
mod rounds;
mod square;
mod suite;

#[cfg(test)]
mod tests;

pub use adaptive::{AnPgd, FoscPgd, stationarity};
pub use apgd::Apgd;
pub use ascent::{Aim, Ascent};
pub use ball::{Ball, Norm};
pub use carlini::{Carlini, Goal, Inside};
pub use carlini_max::CarliniMax;
pub use carlini_zero::CarliniZero;
pub use ddn::Ddn;
pub use deepfool::DeepFool;
pub use fab::Fab;
pub use fmn::Fmn;
pub use found::{Found, norms, pixels};
pub use jsma::{Jsma, Saliency};
pub use lbfgs::Lbfgs;
pub use objective::{Loss, margin, targeted_ratio};
pub use oracle::{Cost, Estimator, Oracle, Target};
pub use pgd::{Pgd, Start};
pub use registry::{ATTACKS, Attack, Entry, SUITES, attack, suite};
pub use square::Square;
pub use suite::{Line, NetTarget, Outcome, Planned, Suite};
