//! Perturbations of images that raise a loss.

mod apgd;
mod ascent;
mod ball;
mod best;
mod boundary;
mod carlini;
mod ddn;
mod decisions;
mod deepfool;
mod fmn;
mod found;
mod hopskipjump;
mod nattack;
mod nes;
mod objective;
mod oracle;
mod pgd;
mod registry;
mod rounds;
mod sampling;
mod square;
mod square_l2;
mod suite;
mod zoo;

#[cfg(test)]
mod tests;

pub use apgd::Apgd;
pub use ascent::{Aim, Ascent};
pub use ball::{Ball, Norm};
pub use boundary::Boundary;
pub use carlini::{Carlini, Goal, Inside};
pub use ddn::Ddn;
pub use deepfool::DeepFool;
pub use fmn::Fmn;
pub use found::{Found, norms};
pub use hopskipjump::HopSkipJump;
pub use nattack::Nattack;
pub use nes::{Nes, Probe};
pub use objective::{Loss, margin, targeted_ratio};
pub use oracle::{Cost, Estimator, Oracle, Target, labels_of, pick};
pub use pgd::{Pgd, Start};
pub use registry::{ATTACKS, Attack, Entry, attack};
pub use sampling::{Sampling, Spread};
pub use square::Square;
pub use square_l2::SquareL2;
pub use suite::{Line, NetTarget, Outcome, Suite};
pub use zoo::Zoo;
