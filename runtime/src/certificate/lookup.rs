//! What counts are worth.

use super::Radius;
use crate::format::{CertificateTable, Checkpoint, Method, Norm};

/// What the counts of a method are worth: a table, or a host that computes an entry when it is asked for one,
/// because a certificate needs one entry and a table of many votes takes long to make.
pub trait Lookup {
    /// How votes are used.
    fn method(&self) -> Method;
    /// Votes that choose the class (two-stage only).
    fn n0(&self) -> u32;
    /// Votes that are counted; the most that the sequential form allows.
    fn n(&self) -> u32;
    /// Bits of the f64 that bounds the probability of a wrong statement.
    fn alpha_bits(&self) -> u64;
    /// The radius certified by `count` of the n votes; none where the certificate abstains.
    fn radius(&self, count: u32) -> Option<Radius>;
    /// Whether `count` votes for the top class are significant when the top two classes have `together` votes.
    fn is_significant(&self, count: u32, together: u32) -> bool;

    /// What radii are measured in.
    fn norm(&self) -> Norm {
        Norm::L2
    }

    /// The radius that is certified or refuted (sequential only).
    fn target(&self) -> Option<Radius> {
        None
    }

    /// Where votes are looked at, by rising votes; none beyond the last checkpoint (sequential only).
    fn checkpoint(&self, _index: usize) -> Option<Checkpoint> {
        None
    }

    /// Votes that are counted if no checkpoint decides: those of the last one, or [`n`](Self::n) of other methods.
    fn most_votes(&self) -> u32 {
        let checkpoints = (0..).map_while(|index| self.checkpoint(index));
        checkpoints.last().map_or(self.n(), |checkpoint| checkpoint.votes)
    }
}

impl Lookup for CertificateTable<'_> {
    fn method(&self) -> Method {
        self.method()
    }

    fn n0(&self) -> u32 {
        self.n0()
    }

    fn n(&self) -> u32 {
        self.n()
    }

    fn alpha_bits(&self) -> u64 {
        self.alpha_bits()
    }

    fn radius(&self, count: u32) -> Option<Radius> {
        self.radius(count)
    }

    fn is_significant(&self, count: u32, together: u32) -> bool {
        self.is_significant(count, together)
    }

    fn norm(&self) -> Norm {
        self.norm()
    }

    fn target(&self) -> Option<Radius> {
        self.target()
    }

    fn checkpoint(&self, index: usize) -> Option<Checkpoint> {
        self.checkpoint(index)
    }
}
