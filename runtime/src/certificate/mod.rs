//! From vote counts to certified radii: a table lookup.
//!
//! A table of the model file, or one made by the host for another (n, alpha), holds for each count of the top
//! class the radius that is certified, rounded down. Nothing is computed here but comparisons.

mod lookup;
mod outcome;
mod radius;
mod record;
mod sequential;

pub use crate::format::{CertificateTable, Checkpoint, Method, Norm};
pub use lookup::Lookup;
pub use outcome::{Abstention, Certificate, ConcludeError, Outcome, Refutation, conclude};
pub use radius::Radius;
pub use record::Record;
pub use sequential::Decision;

impl CertificateTable<'_> {
    /// The radius certified by `count` of the table's n votes; none where the certificate abstains, and none
    /// in tables of other methods than [`Method::TwoStage`] and [`Method::SingleStage`].
    pub fn radius(&self, count: u32) -> Option<Radius> {
        match self.method() {
            Method::TwoStage | Method::SingleStage => self.entry(count).map(Radius),
            Method::Predict | Method::Sequential => None,
        }
    }

    /// Whether `count` votes for the top class are significant when the top two classes have `together`
    /// votes; false in a table of radii.
    pub fn is_significant(&self, count: u32, together: u32) -> bool {
        self.method() == Method::Predict && self.entry(together).is_some_and(|least| count >= least)
    }
}
