//! Training: settings, schedule, loop, checkpoints, metrics.

pub mod checkpoint;
mod evaluate;
mod metrics;
mod run;
mod schedule;
mod settings;

#[cfg(test)]
mod tests;

pub use evaluate::{Score, evaluate, to_device};
pub use metrics::{Metric, Metrics};
pub(crate) use run::progress_bar;
pub use run::{Place, Split, train};
pub use schedule::{Decay, Schedule};
pub use settings::Settings;
