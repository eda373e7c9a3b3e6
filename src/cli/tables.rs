//! What counts are worth in a run: a table of the model file, else computed.

use ringfence_runtime::Model;
use ringfence_runtime::certificate::{CertificateTable, Checkpoint, Lookup, Method, Norm, Radius};

use super::CliError;
use crate::certificate::{self, Scheme, Significance, Smoothing, Table};

/// What the votes are for.
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

/// The model's table for a plan, or entries computed one by one; of a sequential plan all checkpoints, since each
/// follows from those before.
pub(super) enum Terms<'a> {
    Model(CertificateTable<'a>),
    Radii(Scheme),
    Votes(Significance),
    Checkpoints(Table),
}

impl<'a> Terms<'a> {
    /// The model's table for `plan`; where it has none, the same entries computed when they are needed, for the
    /// model's sigma and with its noise budget charged. Checkpoints are computed at once.
    pub fn find_or_make(model: &Model<'a>, plan: Plan) -> Result<Self, CliError> {
        let Plan { method, n0, n, alpha, target } = plan;
        let wanted = (method, n0, n, alpha.to_bits());
        let radius = target.and_then(certificate::target_units).map(Radius);
        let found = model.certificates().find(|table| {
            (table.method(), table.n0(), table.n(), table.alpha_bits()) == wanted && table.target() == radius
        });
        if let Some(table) = found {
            return Ok(Self::Model(table));
        }
        let smoothing = Smoothing::of(model);
        match method {
            Method::TwoStage => Scheme::two_stage(n0, n, alpha, smoothing).map(Self::Radii),
            Method::SingleStage => Scheme::single_stage(n, alpha, smoothing).map(Self::Radii),
            Method::Predict => Significance::new(n, alpha).map(Self::Votes),
            Method::Sequential => {
                let target = target.ok_or_else(|| CliError::Usage("no target radius is given".to_owned()))?;
                certificate::sequential_of(target, n, alpha, smoothing).map(Self::Checkpoints)
            }
            other => return Err(CliError::Usage(format!("no tables can be made for method {other:?}"))),
        }
        .map_err(|error| CliError::failed("certificate table", error))
    }

    fn lookup(&self) -> &dyn Lookup {
        match self {
            Self::Model(table) => table,
            Self::Radii(scheme) => scheme,
            Self::Votes(test) => test,
            Self::Checkpoints(table) => table,
        }
    }
}

impl Lookup for Terms<'_> {
    fn method(&self) -> Method {
        self.lookup().method()
    }

    fn n0(&self) -> u32 {
        self.lookup().n0()
    }

    fn n(&self) -> u32 {
        self.lookup().n()
    }

    fn alpha_bits(&self) -> u64 {
        self.lookup().alpha_bits()
    }

    fn radius(&self, count: u32) -> Option<Radius> {
        self.lookup().radius(count)
    }

    fn is_significant(&self, count: u32, together: u32) -> bool {
        self.lookup().is_significant(count, together)
    }

    fn norm(&self) -> Norm {
        self.lookup().norm()
    }

    fn target(&self) -> Option<Radius> {
        self.lookup().target()
    }

    fn checkpoint(&self, index: usize) -> Option<Checkpoint> {
        self.lookup().checkpoint(index)
    }
}
