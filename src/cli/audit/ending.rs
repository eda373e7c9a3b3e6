//! The end of an audit: counts, bound, verdict.

use std::io::Write;

use serde_json::json;

use super::log::Log;
use super::row::{AuditRow, Result as RowResult, Settings};
use super::{Args, CliError, Request, to_json};
use crate::audit::{CONFIRM_LEVEL, REJECT_LEVEL, Verdict};

/// Name and version of the JSON lines of this verb.
const SCHEMA: &str = "ringfence.audit/1";

/// What a run came to.
pub(super) struct Ending<'r> {
    pub args: &'r Args,
    pub settings: &'r Settings,
    pub request: &'r Request<'r>,
    pub rows: &'r [AuditRow],
}

impl Ending<'_> {
    /// Prints the summary and judges.
    pub fn conclude(&self, log: &mut Log) -> Result<(), CliError> {
        let verdict = self.verdict();
        let line = to_json(&self.json(&verdict))?;
        log.summary(&line)?;
        let mut stdout = std::io::stdout();
        if self.args.json {
            writeln!(stdout, "{line}")?;
        } else {
            writeln!(stdout, "\n{}", self.text(&verdict))?;
        }
        if verdict.holds() {
            return Ok(());
        }
        Err(CliError::CheckFailed(format!(
            "{} of {} certificates are violated, alpha = {} allows fewer than {}",
            verdict.violations, verdict.certificates, self.settings.alpha, verdict.rejects_at
        )))
    }

    fn count(&self, result: RowResult) -> usize {
        self.rows.iter().filter(|row| row.result == result).count()
    }

    fn verdict(&self) -> Verdict {
        let certificates = self.rows.len() - self.count(RowResult::Abstained);
        let violations = self.count(RowResult::Violated);
        Verdict::new(certificates as u64, violations as u64, self.settings.alpha)
    }

    /// Mean over the attacked images of the lead at the image, and of the worst lead that was seen.
    fn mean_leads(&self) -> (f64, f64) {
        let attacked: Vec<_> = self.rows.iter().filter_map(|row| Some((row.lead, row.worst_lead?))).collect();
        let count = attacked.len().max(1) as f64;
        let sums = attacked.iter().fold((0.0, 0.0), |sum, row| (sum.0 + row.0, sum.1 + row.1));
        (sums.0 / count, sums.1 / count)
    }

    fn json(&self, verdict: &Verdict) -> serde_json::Value {
        let (lead, worst) = self.mean_leads();
        json!({
            "summary": {
                "images": self.rows.len(),
                "abstained": self.count(RowResult::Abstained),
                "certificates": verdict.certificates,
                "violations": verdict.violations,
                "undecided": self.count(RowResult::Undecided),
                "expected_at_most": verdict.expected,
                "rejects_at": verdict.rejects_at,
                "reject_level": REJECT_LEVEL,
                "confirm_level": CONFIRM_LEVEL,
                "holds": verdict.holds(),
                "mean_lead": lead,
                "mean_worst_lead": worst,
                "queries": self.rows.iter().map(|row| u64::from(row.queries)).sum::<u64>(),
                "model": self.request.model,
                "settings": self.settings,
            },
            "schema": SCHEMA,
        })
    }

    fn text(&self, verdict: &Verdict) -> String {
        let Settings { n0, n, alpha, queries, votes, inflate_radius, .. } = self.settings;
        let (lead, worst) = self.mean_leads();
        let planted = if *inflate_radius > 1.0 {
            format!("\nradii     multiplied by {inflate_radius}: false certificates, a test of the audit")
        } else {
            String::new()
        };
        let judgement = if verdict.holds() { "the certificates hold" } else { "REJECTED" };
        format!(
            "model     {}, sigma {}, sha256 {}\n\
             data      {}, {}, {} images, {} abstained\n\
             votes     n0 = {n0}, n = {n}, alpha = {alpha}\n\
             attack    {queries} queries of {votes} votes on each certificate{planted}\n\
             lead      {lead:.3} of the votes at the images, {worst:.3} at the worst images of their balls (means)\n\
             violated  {} of {} certificates, {} undecided; alpha allows {:.2} on average, {} are too many\n\
             verdict   {judgement}",
            self.request.model,
            self.request.sigma,
            &self.request.model_sha256[..16],
            self.request.data.spec(),
            self.request.split,
            self.rows.len(),
            self.count(RowResult::Abstained),
            verdict.violations,
            verdict.certificates,
            self.count(RowResult::Undecided),
            verdict.expected,
            verdict.rejects_at,
        )
    }
}
