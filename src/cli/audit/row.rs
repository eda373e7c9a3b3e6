//! What is written of an audit.

use serde::{Deserialize, Serialize};

use crate::audit::{Effort, Search};
use crate::cli::request::Request;
use crate::report::Method;

/// What must be the same for rows to belong to one run; the first line of a file of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Settings {
    pub model_sha256: String,
    pub data: String,
    pub split: String,
    pub method: Method,
    pub n0: u32,
    pub n: u32,
    pub alpha: f64,
    pub queries: u32,
    pub votes: u32,
    pub inflate_radius: f64,
    /// The searches, in order, with what their results depend on.
    pub searches: Vec<String>,
    /// The given seed, or none for randomness from the operating system.
    pub seed: Option<String>,
}

impl Settings {
    pub fn new(
        request: &Request<'_>,
        (searches, effort): (&[&dyn Search], Effort),
        inflate_radius: f64,
        seed: Option<String>,
    ) -> Self {
        Self {
            model_sha256: request.model_sha256.clone(),
            data: request.data.spec(),
            split: request.split.to_string(),
            method: request.method,
            n0: request.plan.n0,
            n: request.plan.n,
            alpha: request.plan.alpha,
            queries: effort.queries,
            votes: effort.votes,
            inflate_radius,
            searches: searches.iter().map(|search| search.settings()).collect(),
            seed,
        }
    }
}

/// How an image came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Result {
    /// Nothing was certified, so nothing was attacked.
    Abstained,
    /// No image of another class was found.
    Held,
    /// An image of another class was found and confirmed.
    Violated,
    /// The last candidate is too close to the boundary to tell.
    Undecided,
}

impl Result {
    pub fn name(self) -> &'static str {
        match self {
            Self::Abstained => "abstained",
            Self::Held => "held",
            Self::Violated => "violated",
            Self::Undecided => "undecided",
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct AuditRow {
    /// Index in the split of the data set.
    pub idx: usize,
    /// True class.
    pub label: usize,
    /// Certified class, -1 for an abstention.
    pub class: i64,
    /// Certified radius in units of 2^-20 pixel.
    pub radius_units: u32,
    /// Radius of the ball that was searched, in units of 2^-20 pixel.
    pub searched_units: u32,
    /// How it came out.
    pub result: Result,
    /// Lead of the certified class at the image: its votes less those of the best other class, as a share of all.
    pub lead: f64,
    /// The smallest lead that the attacker saw in the ball.
    pub worst_lead: Option<f64>,
    /// Distance of that image as a share of the radius searched.
    pub worst_distance: Option<f64>,
    /// The search that found it.
    pub found_by: Option<String>,
    /// Queries spent.
    pub queries: u32,
    /// Votes per class of the test that decided, if a candidate was tested.
    pub confirmed: Vec<u32>,
    /// The candidate's pixels in hexadecimal, channel by channel, unless the certificate held.
    pub candidate: Option<String>,
    /// Seed of the certificate, 64 hexadecimal digits.
    pub seed: String,
}

impl AuditRow {
    /// Header of the table.
    pub const TSV_HEADER: &'static str =
        "idx\tlabel\tclass\tradius\tresult\tlead\tworst\tdistance\tby\tqueries";

    /// One line of the table.
    pub fn to_tsv(&self) -> String {
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
        format!(
            "{}\t{}\t{}\t{:.4}\t{}\t{:.3}\t{}\t{}\t{}\t{}",
            self.idx,
            self.label,
            self.class,
            f64::from(self.radius_units) / 1_048_576.0,
            self.result.name(),
            self.lead,
            number(self.worst_lead),
            number(self.worst_distance),
            self.found_by.as_deref().unwrap_or("-"),
            self.queries
        )
    }
}
