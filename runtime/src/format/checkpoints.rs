//! The entries of sequential tables.

use super::error::CertificateFault;
use super::tables::{CertificateTable, Method};

/// Entries of one checkpoint.
const WORDS: usize = 3;

/// A number of votes after which a sequential certification looks at its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Votes counted so far.
    pub votes: u32,
    /// A class with at least as many votes is certified; `votes + 1` for never. More than half the votes.
    pub accept: u32,
    /// If no class has more votes, the radius is refuted; 0 for never. Below `accept`.
    pub reject: u32,
}

impl CertificateTable<'_> {
    /// The checkpoint of this index; none beyond the last one, and none in tables of other methods.
    pub fn checkpoint(&self, index: usize) -> Option<Checkpoint> {
        if self.method() != Method::Sequential {
            return None;
        }
        let words = self.entries.as_chunks::<WORDS>().0.get(index)?;
        let [votes, accept, reject] = words.map(u32::from_le_bytes);
        Some(Checkpoint { votes, accept, reject })
    }

    /// All checkpoints, by rising votes; none in tables of other methods.
    pub fn checkpoints(&self) -> impl Iterator<Item = Checkpoint> {
        (0..).map_while(|index| self.checkpoint(index))
    }

    /// Checks the entries of a sequential table; `rest` are bytes too few for an entry.
    pub(super) fn check_checkpoints(&self, rest: &[u8]) -> Result<(), CertificateFault> {
        if self.n0() != 0 {
            return Err(CertificateFault::Samples);
        }
        if self.first == 0 {
            return Err(CertificateFault::First(0));
        }
        let found = self.entries.len();
        if found == 0 || !found.is_multiple_of(WORDS) || !rest.is_empty() {
            let expected = found.next_multiple_of(WORDS).max(WORDS) as u64;
            return Err(CertificateFault::Length { expected, found: found as u64 });
        }
        let mut before = 0;
        for (index, checkpoint) in self.checkpoints().enumerate() {
            let Checkpoint { votes, accept, reject } = checkpoint;
            let most = u64::from(votes) + 1;
            let counts_fit = 2 * u64::from(accept) >= most && u64::from(accept) <= most && reject < accept;
            if votes <= before || votes > self.n() || !counts_fit {
                return Err(CertificateFault::Entry(WORDS * index));
            }
            before = votes;
        }
        Ok(())
    }
}
