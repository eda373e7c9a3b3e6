//! Ways to look for an image of another class.

mod boundary;
mod climb;
mod square;

pub use boundary::Boundary;
pub use climb::Climb;
pub use square::Square;

use super::{AuditError, Ball, Oracle, Random};

/// A certificate to be attacked.
#[derive(Clone, Copy, Debug)]
pub struct Task<'c> {
    /// The images it speaks about.
    pub ball: Ball<'c>,
    /// The class it names.
    pub class: usize,
    /// Channels, height and width of an image.
    pub shape: [usize; 3],
    /// Images that probably have other classes, to start walks from.
    pub others: &'c [Vec<u8>],
}

/// A search for an image of the ball that has another class; asked from several threads.
pub trait Search: Sync {
    /// Its name.
    fn name(&self) -> &'static str;

    /// Its name with all that its results depend on beside the task.
    fn settings(&self) -> String {
        self.name().to_owned()
    }

    /// Asks until [`Oracle::score`] has no answer left, or there is nothing left to try.
    ///
    /// # Errors
    /// The target gave no votes.
    fn search(&self, task: &Task<'_>, oracle: &mut Oracle<'_>, random: &mut Random)
    -> Result<(), AuditError>;
}

/// All searches, in the order in which they learn most from each other.
#[must_use]
pub fn all() -> [&'static dyn Search; 3] {
    [&Square, &Boundary, &Climb]
}
