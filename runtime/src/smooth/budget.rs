//! How many samples, and how sure.

use super::Error;
use crate::certificate::Radius;
use crate::format::{CertificateTable, Method, Model};

/// Samples of a certificate and the probability alpha of a wrong statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    method: Method,
    n0: u32,
    n: u32,
    alpha_bits: u64,
    /// Of the sequential form.
    target: Option<Radius>,
}

impl Budget {
    /// Cohen's defaults: 100 samples choose the class, `n` are counted, alpha 0.001.
    pub const fn samples(n: u32) -> Self {
        Self::two_stage(100, n, 0.001)
    }

    /// `n0` samples choose the class, `n` others are counted.
    pub const fn two_stage(n0: u32, n: u32, alpha: f64) -> Self {
        Self { method: Method::TwoStage, n0, n, alpha_bits: alpha.to_bits(), target: None }
    }

    /// `n` samples choose the class and are counted.
    pub const fn single_stage(n: u32, alpha: f64) -> Self {
        Self { method: Method::SingleStage, n0: 0, n, alpha_bits: alpha.to_bits(), target: None }
    }

    /// Samples are drawn until it is certain that the radius is certified or out of reach, at most `n`.
    pub const fn sequential(target: Radius, n: u32, alpha: f64) -> Self {
        let alpha_bits = alpha.to_bits();
        Self { method: Method::Sequential, n0: 0, n, alpha_bits, target: Some(target) }
    }

    /// The model's table for exactly these numbers; alpha compares bit for bit.
    pub fn table<'a>(&self, model: &Model<'a>) -> Result<CertificateTable<'a>, Error> {
        let Self { method, n0, n, alpha_bits, target } = *self;
        let fits = |table: &CertificateTable<'a>| {
            let votes = (table.method(), table.n0(), table.n(), table.alpha_bits());
            votes == (method, n0, n, alpha_bits) && table.target() == target
        };
        let missing = match target {
            Some(radius) => Error::NoSequentialTable { radius, n, alpha_bits },
            None => Error::NoTable { method, n0, n, alpha_bits },
        };
        model.certificates().find(fits).ok_or(missing)
    }
}
