//! What `attack` says at the end, to people and in the file of `--json`.

use super::sources::Told;
use crate::attacks::{Attack, Estimator, Norm, Outcome, Planned, Record, Results, Suite, clopper_pearson_95};
use crate::error::Error;
use serde::Serialize;

/// Everything that the result depends on.
#[derive(Debug, Clone, Serialize)]
pub struct Settings<'a> {
    /// Version of the program.
    pub program: &'static str,
    /// Hashes of all networks.
    #[serde(flatten)]
    pub hashes: Hashes,
    /// The network that imitates this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub substitute: Option<Told>,
    /// The data set.
    pub data: &'a str,
    /// How many of its test images.
    pub images: usize,
    /// Norm of the balls.
    pub norm: Norm,
    /// Their sizes.
    pub epsilons: &'a [f64],
    /// Deviation of the noise of the smoothed classifier.
    pub sigma: f32,
    /// Draws in each gradient.
    pub draws: u32,
    /// Draws of each decision.
    pub votes: u32,
    /// How gradients are estimated.
    pub estimator: Estimator,
    /// Seed of starts and noise.
    pub seed: u64,
    /// Images attacked at a time.
    pub batch: usize,
    /// Where it was computed.
    pub device: &'a str,
    /// The attacks with their numbers.
    pub attacks: Vec<Row>,
}

/// Which networks they were.
#[derive(Debug, Clone, Serialize)]
pub struct Hashes {
    /// The network.
    pub network: String,
    /// The model file that decides in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Those that images are crafted on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
}

/// An attack and its numbers.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    name: &'static str,
    #[serde(flatten)]
    attack: Attack,
    /// Where it is not the suite's.
    #[serde(skip_serializing_if = "Option::is_none")]
    estimator: Option<Estimator>,
    #[serde(rename = "gradient_draws", skip_serializing_if = "Option::is_none")]
    draws: Option<u32>,
}

/// The attacks of a suite.
pub fn rows(suite: &Suite<'_>) -> Vec<Row> {
    let row = |&Planned { name, attack, estimator, draws }: &Planned| Row { name, attack, estimator, draws };
    suite.attacks.iter().map(row).collect()
}

#[derive(Debug, Serialize)]
struct Head<'a> {
    schema: &'static str,
    #[serde(flatten)]
    settings: &'a Settings<'a>,
}

/// The first line of a journal.
///
/// # Errors
/// When a number has no place in JSON.
pub fn head(settings: &Settings) -> Result<String, Error> {
    let head = Head { schema: "ringfence.attack-progress/1", settings };
    serde_json::to_string(&head).map_err(|e| Error::Settings(format!("settings: {e}")))
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    outcomes: Vec<Judged<'a>>,
    per_image: &'a [Record],
}

/// An outcome with its 95 % intervals.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    clean_interval: [f64; 2],
    robust_interval: [f64; 2],
}

/// Intervals of clean and robust accuracy.
fn intervals(outcome: &Outcome) -> [[f64; 2]; 2] {
    let n = outcome.broken_by.len();
    let stood = outcome.broken_by.iter().filter(|b| b.is_none()).count();
    let wrong = outcome.broken_by.iter().filter(|b| **b == Some("clean")).count();
    [clopper_pearson_95(n - wrong, n), clopper_pearson_95(stood, n)]
}

/// The file of `--json`.
///
/// # Errors
/// When a number has no place in JSON.
pub fn json(settings: &Settings, results: &Results) -> Result<String, Error> {
    let judged = |outcome| {
        let [clean_interval, robust_interval] = intervals(outcome);
        Judged { outcome, clean_interval, robust_interval }
    };
    let report = Report {
        head: Head { schema: "ringfence.attack/2", settings },
        outcomes: results.outcomes.iter().map(judged).collect(),
        per_image: &results.images,
    };
    let text = serde_json::to_string_pretty(&report).map_err(|e| Error::Settings(format!("report: {e}")))?;
    Ok(text + "\n")
}

/// The last lines on the terminal.
pub fn print(norm: Norm, results: &Results) {
    let share = |value: f64, [low, high]: [f64; 2]| {
        format!("{:.2} % ({:.2} to {:.2})", 100.0 * value, 100.0 * low, 100.0 * high)
    };
    for (number, outcome) in results.outcomes.iter().enumerate() {
        let [clean, robust] = intervals(outcome);
        if number == 0 {
            println!("clean {}", share(outcome.clean, clean));
        }
        let other = match outcome.broken_elsewhere {
            0 => String::new(),
            n => format!(", {n} of them broken at another size only"),
        };
        println!("{norm} {:.5}: worst case {}{other}", outcome.epsilon, share(outcome.robust, robust));
    }
}
