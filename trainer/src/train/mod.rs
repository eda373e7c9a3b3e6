//! Training: settings, schedule, loop, checkpoints, metrics.

pub mod checkpoint;
mod evaluate;
mod gradient;
mod metrics;
mod robust;
mod run;
mod schedule;
mod settings;
mod step;
mod view;

#[cfg(test)]
mod tests;

pub use evaluate::{Score, evaluate, smoothed_accuracy, to_device, votes};
pub use metrics::{Metric, Metrics};
pub use robust::robust_accuracy;
pub use run::{Place, Split, train};
pub use schedule::{Decay, Schedule};
pub use settings::{Rule, Settings};
pub use view::View;
