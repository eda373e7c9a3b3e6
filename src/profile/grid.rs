//! The numbers of samples of a profile.

use crate::certificate::MAX_VOTES;

/// Numbers of samples, rising, each at least 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid(Vec<u32>);

/// No numbers, or one that no certificate can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GridError {
    /// An empty list.
    #[error("expected at least one number of samples")]
    Empty,
    /// Zero, or more than certificates are made for.
    #[error("{0} samples: expected 1..={MAX_VOTES}")]
    Range(u32),
}

impl Grid {
    /// Sorts the numbers and drops those that come twice.
    ///
    /// # Errors
    /// [`GridError`].
    pub fn new(mut ns: Vec<u32>) -> Result<Self, GridError> {
        if let Some(&wrong) = ns.iter().find(|n| !(1..=MAX_VOTES).contains(*n)) {
            return Err(GridError::Range(wrong));
        }
        if ns.is_empty() {
            return Err(GridError::Empty);
        }
        ns.sort_unstable();
        ns.dedup();
        Ok(Self(ns))
    }

    /// The numbers.
    #[must_use]
    pub fn ns(&self) -> &[u32] {
        &self.0
    }

    /// The largest number: what is drawn.
    #[must_use]
    pub fn largest(&self) -> u32 {
        self.0.last().copied().unwrap_or(0)
    }

    /// The samples between one number and the next, from sample 0 on.
    pub fn segments(&self) -> impl Iterator<Item = std::ops::Range<u32>> {
        let starts = std::iter::once(0).chain(self.0.iter().copied());
        starts.zip(self.0.iter().copied()).map(|(start, end)| start..end)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn numbers_rise_and_their_segments_cover_every_sample_once() {
        let grid = Grid::new(vec![8, 1, 3, 8]).unwrap();
        assert_eq!((grid.ns(), grid.largest()), (&[1, 3, 8][..], 8));
        assert_eq!(grid.segments().collect::<Vec<_>>(), [0..1, 1..3, 3..8]);
        assert_eq!(Grid::new(vec![]), Err(GridError::Empty));
        assert_eq!(Grid::new(vec![4, 0]), Err(GridError::Range(0)));
        assert_eq!(Grid::new(vec![MAX_VOTES + 1]), Err(GridError::Range(MAX_VOTES + 1)));
    }
}
