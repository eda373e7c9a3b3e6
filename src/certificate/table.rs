//! Tables of radii and their bytes.

use super::binomial::{Count, P_BITS, P_ONE};
use super::half::least_significant;
use super::quantile::{self, Z_BITS};
use super::{CertificateError, alpha_units, bound, check_votes};
use crate::noise::SIGMA_RANGE;
use crate::noise::dyadic::Dyadic;
use ringfence_runtime::format::{CertificateFault, CertificateTable, Method};

/// One table of the CERTIFICATES section.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// What the entries mean.
    pub method: Method,
    /// Votes that choose the class; 0 for one-stage methods.
    pub n0: u32,
    /// Votes that are counted.
    pub n: u32,
    /// Probability of a wrong statement, exactly this float.
    pub alpha: f64,
    /// Least count that certifies; 0 for PREDICT; the target radius in units of 2^-20 pixel if sequential.
    pub first: u32,
    /// Radii for the counts `first..=n` in units of 2^-20 pixel, rounded down; for PREDICT the least
    /// significant counts of the top class given 0..=n votes in the top two, `n + 1` for none; if sequential, votes,
    /// accepting and rejecting count of each checkpoint.
    pub entries: Vec<u32>,
}

impl Table {
    /// The certified radius of a count in units of 2^-20 pixel; None where the certificate abstains.
    #[must_use]
    pub fn radius(&self, count: u32) -> Option<u32> {
        match self.method {
            Method::TwoStage | Method::SingleStage => {
                self.entries.get(count.checked_sub(self.first)? as usize).copied()
            }
            _ => None,
        }
    }

    /// The entries in little endian, for [`view`](Self::view).
    #[must_use]
    pub fn entry_bytes(&self) -> Vec<u8> {
        self.entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
    }

    /// The runtime's view of this table over its [`entry_bytes`](Self::entry_bytes), for certificates with
    /// (n, alpha) that the model file does not carry.
    ///
    /// # Errors
    /// The runtime's own check, if the bytes are another table's.
    pub fn view<'b>(&self, entry_bytes: &'b [u8]) -> Result<CertificateTable<'b>, CertificateFault> {
        CertificateTable::new(self.method, self.n0, self.n, self.alpha.to_bits(), self.first, entry_bytes)
    }
}

/// Bytes of a CERTIFICATES section: count, a record of 32 bytes per table, then the entries.
#[must_use]
pub fn section(tables: &[Table]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&(tables.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    let mut offset = 8 + 32 * tables.len() as u32;
    for table in tables {
        let length = table.entries.len() as u32;
        for word in [table.method as u32, table.n0, table.n, table.first] {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(&table.alpha.to_le_bytes());
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&length.to_le_bytes());
        offset += 4 * length;
    }
    tables.iter().for_each(|table| bytes.extend(table.entry_bytes()));
    bytes
}

/// Radii of Cohen's two-stage certificate: `n0` votes choose the class, `n` fresh votes give its count.
///
/// `sigma` is in pixel units, `tv_budget` the noise table's for a whole image, units of 2^-64.
///
/// # Errors
/// Numbers out of range, or n too small to certify anything.
pub fn two_stage(n0: u32, n: u32, alpha: f64, sigma: f64, tv_budget: u64) -> Result<Table, CertificateError> {
    check_votes("n0", n0)?;
    check_votes("n", n)?;
    let units = alpha_units(alpha)?;
    let rule = RadiusRule::new(sigma, tv_budget)?;
    let (first, entries) = radii(n, 0, &rule, |count| bound::clopper_pearson(count, alpha, units));
    finished(Table { method: Method::TwoStage, n0, n, alpha, first, entries })
}

/// Radii of the single-stage certificate: all `n` votes choose the class and estimate it (soundness.md
/// section 4).
///
/// `sigma` and `tv_budget` as for [`two_stage`].
///
/// # Errors
/// Numbers out of range, or n too small to certify anything.
pub fn single_stage(n: u32, alpha: f64, sigma: f64, tv_budget: u64) -> Result<Table, CertificateError> {
    check_votes("n", n)?;
    let units = alpha_units(alpha)?;
    let rule = RadiusRule::new(sigma, tv_budget)?;
    let least = least_significant(n, units).ok_or(CertificateError::Nothing { n, alpha })?;
    let naming = Count::new(n, least);
    let (first, entries) = radii(n, least, &rule, |count| bound::single_stage(count, &naming, alpha, units));
    finished(Table { method: Method::SingleStage, n0: 0, n, alpha, first, entries })
}

fn finished(table: Table) -> Result<Table, CertificateError> {
    if table.entries.is_empty() {
        return Err(CertificateError::Nothing { n: table.n, alpha: table.alpha });
    }
    Ok(table)
}

/// Radii for the counts from n down to the last that certifies, at most down to `least`, in ascending order.
fn radii(n: u32, least: u32, rule: &RadiusRule, p_low: impl Fn(&Count) -> u64) -> (u32, Vec<u32>) {
    let counts = std::iter::successors(Some(Count::unanimous(n)), |count| count.previous());
    let mut entries: Vec<u32> =
        counts.take_while(|count| count.k >= least).map_while(|count| rule.radius(p_low(&count))).collect();
    entries.reverse();
    (n + 1 - entries.len() as u32, entries)
}

/// `R = sigma * (PhiInv(p_low - e) - PhiInv(1/2 + e))`, rounded down.
pub(super) struct RadiusRule {
    sigma: Dyadic,
    /// e, units of 2^-64.
    charge: u64,
    /// PhiInv(1/2 + e), rounded up, units of 2^-40.
    floor: u64,
}

impl RadiusRule {
    pub(super) fn new(sigma: f64, charge: u64) -> Result<Self, CertificateError> {
        if !SIGMA_RANGE.contains(&sigma) {
            return Err(CertificateError::Sigma { sigma });
        }
        // Beyond a charge of 1/4 no probability is left, whatever the quantile.
        let floor = quantile::above(charge.min(1 << 62));
        Ok(Self { sigma: Dyadic::from_f64(sigma), charge, floor })
    }

    /// The radius in units of 2^-20 pixel for p_low in units of 2^-40; None unless p_low - e > 1/2 + e.
    pub(super) fn radius(&self, p_low: u64) -> Option<u32> {
        let half = p_low.checked_sub(P_ONE / 2)? << (64 - P_BITS);
        let left = half.checked_sub(self.charge).filter(|&left| left > self.charge)?;
        let z = quantile::below(left).saturating_sub(self.floor); // below zero only by rounding
        let product = u128::from(self.sigma.mantissa) * u128::from(z);
        let shift = self.sigma.exponent + 20 - Z_BITS as i32;
        u32::try_from(if shift >= 0 { product << shift } else { product >> -shift }).ok()
    }
}
