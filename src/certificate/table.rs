//! Tables of radii and their bytes.

use super::CertificateError;
use super::binomial::{P_BITS, P_ONE};
use super::quantile::{self, Z_BITS};
use super::scheme::Scheme;
use super::smoothing::{Ball, Smoothing};
use crate::noise::SIGMA_RANGE;
use crate::noise::dyadic::Dyadic;
use dashu::base::SquareRoot;
use dashu::integer::UBig;
use ringfence_runtime::certificate::{Checkpoint, Lookup, Radius};
use ringfence_runtime::format::{CertificateFault, CertificateTable, Method, Norm};

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
    /// What radii are measured in.
    pub norm: Norm,
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
        let alpha = self.alpha.to_bits();
        let table = CertificateTable::new(self.method, self.n0, self.n, alpha, self.first, entry_bytes)?;
        Ok(table.with_norm(self.norm))
    }
}

impl Lookup for Table {
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
        self.radius(count).map(Radius)
    }

    fn is_significant(&self, count: u32, together: u32) -> bool {
        let least = self.entries.get(together as usize).filter(|_| self.method == Method::Predict);
        least.is_some_and(|&least| count >= least)
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn target(&self) -> Option<Radius> {
        (self.method == Method::Sequential).then_some(Radius(self.first))
    }

    fn checkpoint(&self, index: usize) -> Option<Checkpoint> {
        let entries = Some(self.entries.as_chunks().0).filter(|_| self.method == Method::Sequential)?;
        entries.get(index).map(|&[votes, accept, reject]| Checkpoint { votes, accept, reject })
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

/// Table of [`Scheme::two_stage`].
///
/// # Errors
/// Numbers out of range, or n too small to certify anything.
pub fn two_stage(n0: u32, n: u32, alpha: f64, sigma: f64, tv_budget: u64) -> Result<Table, CertificateError> {
    Scheme::two_stage(n0, n, alpha, Smoothing::l2(sigma, tv_budget)).map(|scheme| scheme.table())
}

/// Table of [`Scheme::single_stage`].
///
/// # Errors
/// Numbers out of range, or n too small to certify anything.
pub fn single_stage(n: u32, alpha: f64, sigma: f64, tv_budget: u64) -> Result<Table, CertificateError> {
    Scheme::single_stage(n, alpha, Smoothing::l2(sigma, tv_budget)).map(|scheme| scheme.table())
}

/// `R = sigma * (PhiInv(p_low - e) - PhiInv(1/2 + e))`, rounded down; an L-infinity radius is divided by the square root of the
/// number of values.
pub(super) struct RadiusRule {
    sigma: Dyadic,
    /// e, units of 2^-64.
    charge: u64,
    /// PhiInv(1/2 + e), rounded up, units of 2^-40.
    floor: u64,
    ball: Ball,
}

impl RadiusRule {
    pub(super) fn new(smoothing: Smoothing) -> Result<Self, CertificateError> {
        let Smoothing { sigma, tv_budget: charge, ball } = smoothing;
        if !SIGMA_RANGE.contains(&sigma) {
            return Err(CertificateError::Sigma { sigma });
        }
        // Beyond a charge of 1/4 no probability is left, whatever the quantile.
        let floor = quantile::above(charge.min(1 << 62));
        Ok(Self { sigma: Dyadic::from_f64(sigma), charge, floor, ball })
    }

    /// Deviations by which a radius of one pixel shifts the classifier's input at most, roughly.
    pub(super) fn deviations(&self) -> f64 {
        let values = match self.ball {
            Ball::L2 => 1.0,
            Ball::LInf { values } => values.get() as f64,
        };
        values.sqrt() / self.sigma.to_f64()
    }

    /// The norm of the radii.
    pub(super) fn norm(&self) -> Norm {
        match self.ball {
            Ball::L2 => Norm::L2,
            Ball::LInf { .. } => Norm::LInf,
        }
    }

    /// The radius in units of 2^-20 pixel for p_low in units of 2^-40; None unless p_low - e > 1/2 + e.
    pub(super) fn radius(&self, p_low: u64) -> Option<u32> {
        let half = p_low.checked_sub(P_ONE / 2)? << (64 - P_BITS);
        let left = half.checked_sub(self.charge).filter(|&left| left > self.charge)?;
        let z = quantile::below(left).saturating_sub(self.floor); // below zero only by rounding
        let product = u128::from(self.sigma.mantissa) * u128::from(z);
        let shift = self.sigma.exponent + 20 - Z_BITS as i32;
        let l2 = |shift: i32| if shift >= 0 { product << shift } else { product >> -shift };
        let units = match self.ball {
            Ball::L2 => l2(shift),
            // Rounded down twice: floor(sqrt(floor(r^2 / d))) with 30 more bits under the root.
            Ball::LInf { values } => {
                let square = UBig::from(l2(shift + 30)).pow(2) / UBig::from(values.get());
                u128::try_from(square.sqrt()).ok()? >> 30
            }
        };
        u32::try_from(units).ok()
    }
}
