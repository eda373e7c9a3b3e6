//! Perturbations of images that raise a loss.

mod apgd;
mod ascent;
mod ball;
mod carlini;
mod ddn;
mod deepfool;
mod fmn;
mod found;
mod objective;
mod oracle;
mod pgd;
mod registry;
mod rounds;
mod square;
mod suite;

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
pub use objective::{Loss, margin, targeted_ratio};
pub use oracle::{Cost, Estimator, Oracle, Target, labels_of, pick};
pub use pgd::{Pgd, Start};
pub use registry::{ATTACKS, Attack, Entry, attack};
pub use square::Square;
pub use suite::{Line, NetTarget, Outcome, Suite};
