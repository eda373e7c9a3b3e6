//! The certificate table that a run asks for: from the model file, else computed.

use ringfence_runtime::Model;
use ringfence_runtime::certificate::{CertificateTable, Method};

use super::CliError;
use crate::certificate;

/// What a table must be for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Plan {
    pub method: Method,
    /// Selecting votes; 0 unless the method has two stages.
    pub n0: u32,
    /// Counted votes.
    pub n: u32,
    /// Probability of a wrong statement.
    pub alpha: f64,
    /// Radius in pixels to certify; of the sequential method only.
    pub target: Option<f64>,
}

/// A table that owns its entries.
pub(super) struct OwnedTable {
    plan: Plan,
    first: u32,
    entries: Vec<u8>,
}

impl OwnedTable {
    /// The model's table for `plan`; where it has none, the same table computed here, for the model's sigma and with
    /// its noise budget charged.
    pub fn find_or_make(model: &Model<'_>, plan: Plan) -> Result<Self, CliError> {
        let wanted = (plan.method, plan.n0, plan.n, plan.alpha.to_bits());
        let target = plan.target.map(certificate::target_units);
        let found = model.certificates().find(|table| {
            (table.method(), table.n0(), table.n(), table.alpha_bits()) == wanted
                && target.is_none_or(|target| target == Some(table.first()))
        });
        if let Some(table) = found {
            let entries = table.entries().flat_map(u32::to_le_bytes).collect();
            return Ok(Self { plan, first: table.first(), entries });
        }
        let noise = model.noise();
        let (sigma, budget) = (f64::from_bits(noise.sigma_bits), noise.tv_budget);
        let table = match plan.method {
            Method::TwoStage => certificate::two_stage(plan.n0, plan.n, plan.alpha, sigma, budget),
            Method::SingleStage => certificate::single_stage(plan.n, plan.alpha, sigma, budget),
            Method::Predict => certificate::predict(plan.n, plan.alpha),
            Method::Sequential => {
                let target =
                    plan.target.ok_or_else(|| CliError::Usage("no target radius is given".to_owned()))?;
                certificate::sequential(target, plan.n, plan.alpha, sigma, budget)
            }
            other => return Err(CliError::Usage(format!("no tables can be made for method {other:?}"))),
        }
        .map_err(|error| CliError::failed("certificate table", error))?;
        Ok(Self { plan, first: table.first, entries: table.entry_bytes() })
    }

    /// The table as the runtime reads it.
    pub fn view(&self) -> Result<CertificateTable<'_>, CliError> {
        let Plan { method, n0, n, alpha, .. } = self.plan;
        CertificateTable::new(method, n0, n, alpha.to_bits(), self.first, &self.entries)
            .map_err(|error| CliError::failed("certificate table", error))
    }
}
