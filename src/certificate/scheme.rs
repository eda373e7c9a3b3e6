//! What a count certifies, computed when it is asked for.

use super::binomial::Count;
use super::half::least_significant;
use super::smoothing::Smoothing;
use super::table::{RadiusRule, Table};
use super::{CertificateError, alpha_units, bound, check_votes};
use ringfence_runtime::certificate::{Lookup, Radius};
use ringfence_runtime::format::{Method, Norm};

/// A certificate's method with its numbers: the radius of each count, one at a time or as a table.
///
/// Entry by entry it is the table, bit for bit. Of a million votes one entry takes a fraction of a second.
pub struct Scheme {
    method: Method,
    n0: u32,
    n: u32,
    alpha: f64,
    /// alpha in units of 2^-100.
    units: u128,
    rule: RadiusRule,
    /// k* of the single-stage certificate.
    naming: Option<Count>,
}

impl Scheme {
    /// Cohen's two-stage certificate: `n0` votes choose the class, `n` fresh votes give its count.
    ///
    /// # Errors
    /// Numbers out of range, or n too small to certify anything.
    pub fn two_stage(n0: u32, n: u32, alpha: f64, smoothing: Smoothing) -> Result<Self, CertificateError> {
        check_votes("n0", n0)?;
        check_votes("n", n)?;
        let units = alpha_units(alpha)?;
        let rule = RadiusRule::new(smoothing)?;
        Self { method: Method::TwoStage, n0, n, alpha, units, rule, naming: None }.useful()
    }

    /// The single-stage certificate: all `n` votes choose the class and estimate it (soundness.md section 4).
    ///
    /// # Errors
    /// Numbers out of range, or n too small to certify anything.
    pub fn single_stage(n: u32, alpha: f64, smoothing: Smoothing) -> Result<Self, CertificateError> {
        check_votes("n", n)?;
        let units = alpha_units(alpha)?;
        let rule = RadiusRule::new(smoothing)?;
        let least = least_significant(n, units).ok_or(CertificateError::Nothing { n, alpha })?;
        let naming = Some(Count::new(n, least));
        Self { method: Method::SingleStage, n0: 0, n, alpha, units, rule, naming }.useful()
    }

    /// The whole table.
    #[must_use]
    pub fn table(&self) -> Table {
        let counts = std::iter::successors(Some(Count::unanimous(self.n)), |count| count.previous());
        let mut entries: Vec<u32> = counts.map_while(|count| self.units(&count)).collect();
        entries.reverse();
        let first = self.n + 1 - entries.len() as u32;
        let norm = self.rule.norm();
        Table { method: self.method, n0: self.n0, n: self.n, alpha: self.alpha, first, entries, norm }
    }

    fn useful(self) -> Result<Self, CertificateError> {
        match self.units(&Count::unanimous(self.n)) {
            Some(_) => Ok(self),
            None => Err(CertificateError::Nothing { n: self.n, alpha: self.alpha }),
        }
    }

    /// The radius of a count in units of 2^-20 pixel. Falls with the count, down to none.
    fn units(&self, count: &Count) -> Option<u32> {
        let p_low = match &self.naming {
            None => bound::clopper_pearson(count, self.alpha, self.units),
            Some(naming) if count.k < naming.k => return None,
            Some(naming) => bound::single_stage(count, naming, self.alpha, self.units),
        };
        self.rule.radius(p_low)
    }
}

impl Lookup for Scheme {
    fn method(&self) -> Method {
        self.method
    }

    fn n0(&self) -> u32 {
        self.n0
    }

    fn n(&self) -> u32 {
        self.n
    }

    fn alpha_bits(&self) -> u64 {
        self.alpha.to_bits()
    }

    fn radius(&self, count: u32) -> Option<Radius> {
        // Half of the votes never certify.
        let possible = count <= self.n && count > self.n / 2;
        possible.then(|| Count::new(self.n, count)).and_then(|count| self.units(&count)).map(Radius)
    }

    fn is_significant(&self, _: u32, _: u32) -> bool {
        false
    }

    fn norm(&self) -> Norm {
        self.rule.norm()
    }
}
