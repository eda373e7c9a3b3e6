//! Whether a candidate really has another class: fresh votes and an exact test.

use ringfence_runtime::smooth::{Counts, Prediction};

use super::{AuditError, Target};
use crate::certificate::{self, Table};

/// Probability, over the votes of one test, that a class is named which is not the most likely of the top two.
pub const CONFIRM_LEVEL: f64 = 1e-9;

/// Votes of the tests, one after the other until one decides: PREDICT (Cohen et al. 2019) at [`CONFIRM_LEVEL`] each.
const VOTES: [u32; 3] = [500, 4_000, 16_000];

/// What fresh votes say about a candidate.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmation {
    /// The candidate.
    pub image: Vec<u8>,
    /// The smoothed class; none where even the last test does not decide.
    pub class: Option<usize>,
    /// Votes of the last test per class.
    pub counts: Vec<u32>,
}

impl Confirmation {
    /// Votes of a class less those of the best other one, as a share of all.
    #[must_use]
    pub fn lead(&self, class: usize) -> f64 {
        let own = self.counts.get(class).copied().unwrap_or(0);
        let others = self.counts.iter().enumerate().filter(|(other, _)| *other != class);
        let most = others.map(|(_, &count)| count).max().unwrap_or(0);
        let all: u32 = self.counts.iter().sum();
        (f64::from(own) - f64::from(most)) / f64::from(all.max(1))
    }
}

/// Decides which class an image has.
pub struct Judge {
    table: Table,
    entries: Vec<u8>,
}

impl Judge {
    /// Makes the table of the test.
    ///
    /// # Errors
    /// None for the numbers of this module.
    pub fn new() -> Result<Self, AuditError> {
        let table = certificate::predict(VOTES[VOTES.len() - 1], CONFIRM_LEVEL)?;
        let entries = table.entry_bytes();
        Ok(Self { table, entries })
    }

    /// Draws fresh votes until they decide.
    ///
    /// # Errors
    /// The target gave no votes.
    pub fn confirm(&self, target: &mut dyn Target, image: &[u8]) -> Result<Confirmation, AuditError> {
        let mut confirmation = Confirmation { image: image.to_vec(), class: None, counts: Vec::new() };
        let Ok(table) = self.table.view(&self.entries) else { return Ok(confirmation) };
        for votes in VOTES {
            confirmation.counts = target.votes(image, votes)?;
            let counts: Counts = confirmation.counts.iter().copied().collect();
            confirmation.class = Prediction::new(&table, counts).class();
            if confirmation.class.is_some() {
                break;
            }
        }
        Ok(confirmation)
    }
}
