//! What counts certify, for each N: all samples select and count.

use std::collections::HashMap;

use ringfence_runtime::certificate::{Lookup, Radius};

use super::grid::Grid;
use crate::certificate::{CertificateError, Scheme, Smoothing};

/// Single-stage certificates of each N of a grid (docs/soundness.md, section 4). Entries are computed when they are needed.
pub struct Levels {
    schemes: Vec<Option<Scheme>>,
    known: HashMap<(usize, u32), Option<u32>>,
}

impl Levels {
    /// `alpha` bounds the probability of a wrong certificate for each N by itself.
    ///
    /// # Errors
    /// alpha or sigma out of range.
    pub fn new(grid: &Grid, alpha: f64, smoothing: Smoothing) -> Result<Self, CertificateError> {
        let scheme = |&n| match Scheme::single_stage(n, alpha, smoothing) {
            Ok(scheme) => Ok(Some(scheme)),
            // So few samples prove nothing, however they vote.
            Err(CertificateError::Nothing { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Self { schemes: grid.ns().iter().map(scheme).collect::<Result<_, _>>()?, known: HashMap::new() })
    }

    /// The radius that `count` of the samples of N number `index` certify, in units of 2^-20 pixel.
    pub fn units(&mut self, index: usize, count: u32) -> Option<u32> {
        let scheme = self.schemes.get(index)?.as_ref()?;
        *self
            .known
            .entry((index, count))
            .or_insert_with(|| scheme.radius(count).map(|radius: Radius| radius.units()))
    }

    /// The radius of unanimous samples.
    pub fn reach(&mut self, index: usize) -> Option<u32> {
        let n = self.schemes.get(index)?.as_ref()?.n();
        self.units(index, n)
    }

    /// The least count that certifies anything: radii rise with the count.
    pub fn least_count(&mut self, index: usize) -> Option<u32> {
        let n = self.schemes.get(index)?.as_ref()?.n();
        let (mut below, mut from) = (n / 2, n);
        while from - below > 1 {
            let middle = below + (from - below) / 2;
            if self.units(index, middle).is_some() {
                from = middle;
            } else {
                below = middle;
            }
        }
        Some(from)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_those_of_the_tables() {
        let grid = Grid::new(vec![4, 32, 100]).unwrap();
        let mut levels = Levels::new(&grid, 0.001, Smoothing::l2(0.25, 1 << 30)).unwrap();
        assert_eq!((levels.reach(0), levels.least_count(0), levels.units(0, 4)), (None, None, None));
        for (index, n) in [(1, 32), (2, 100)] {
            let table = crate::certificate::single_stage(n, 0.001, 0.25, 1 << 30).unwrap();
            for count in 0..=n {
                assert_eq!(levels.units(index, count), table.radius(count), "{count} of {n}");
            }
            assert_eq!(levels.least_count(index), Some(table.first));
            assert_eq!(levels.reach(index), table.radius(n));
        }
    }
}
