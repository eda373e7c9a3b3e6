//! Attacks on certificates: a search, inside each certified ball, for an image that the smoothed classifier gives
//! another class.
//!
//! ```text
//! certificate (class, R) -> Ball -> searches, each query by votes with fresh noise -> candidate
//!                                                      -> confirmed by many fresh votes -> Verdict
//! ```
//!
//! The attacker is adaptive: it sees vote counts, not the noise, and every query draws new noise, so there is no seed to
//! fit an image to. A candidate that won its few votes is only a suspicion; it counts as a violation when an exact
//! binomial test of fresh votes shows that another class is the most likely one. [`Target`] is what is attacked and
//! [`Search`] how: an attack with gradients needs nothing more than to implement the second.

mod ball;
mod confirm;
mod oracle;
mod random;
pub mod search;
mod target;
mod verdict;

use thiserror::Error;

pub use ball::Ball;
pub use confirm::{CONFIRM_LEVEL, Confirmation, Judge};
pub use oracle::{Candidate, Oracle, Score};
pub use random::Random;
pub use search::{Search, Task};
pub use target::{Smoothed, Target};
pub use verdict::{REJECT_LEVEL, Verdict};

/// Why an audit could not go on.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The classifier gave no votes.
    #[error("votes")]
    Votes(#[from] ringfence_runtime::smooth::Error),
    /// An image does not have the shape of the classifier.
    #[error("image")]
    Image(#[from] ringfence_runtime::smooth::ImageError),
    /// No table for the test that confirms a candidate.
    #[error("confirmation")]
    Confirmation(#[from] crate::certificate::CertificateError),
}

/// What an attack may spend on one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effort {
    /// Queries of all searches together.
    pub queries: u32,
    /// Votes of one query.
    pub votes: u32,
}

/// How a certificate stood the attack.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// No image of another class was found.
    Held,
    /// Another class is the most likely one at this image of the ball.
    Violated(Confirmation),
    /// The last candidate is too close to the boundary to tell.
    Undecided(Confirmation),
}

/// What the attack on one certificate came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How the certificate stood it.
    pub outcome: Outcome,
    /// The image of the ball where the certified class had the smallest lead; none without queries.
    pub worst: Option<Candidate>,
    /// Queries that were spent.
    pub queries: u32,
}

/// Attacks one certificate with each of `searches` in turn, all with an equal share of the queries.
///
/// # Errors
/// The target gave no votes.
pub fn attack(
    target: &mut dyn Target,
    task: &Task<'_>,
    searches: &[&dyn Search],
    effort: Effort,
    judge: &Judge,
    random: &mut Random,
) -> Result<Finding, AuditError> {
    let mut oracle = Oracle::new(target, task, effort.votes);
    let (mut outcome, mut judged) = (Outcome::Held, None);
    for (index, search) in searches.iter().enumerate() {
        let left = effort.queries.saturating_sub(oracle.queries());
        oracle.grant(search.name(), left / (searches.len() - index) as u32);
        search.search(task, &mut oracle, random)?;
        let Some(suspect) = oracle.suspect().filter(|suspect| judged.as_ref() != Some(suspect)) else {
            continue;
        };
        let confirmation = judge.confirm(oracle.target(), &suspect)?;
        oracle.correct(confirmation.lead(task.class));
        judged = Some(suspect);
        outcome = match confirmation.class {
            Some(class) if class == task.class => Outcome::Held,
            Some(_) => Outcome::Violated(confirmation),
            None => Outcome::Undecided(confirmation),
        };
        if matches!(outcome, Outcome::Violated(_)) {
            break;
        }
    }
    Ok(Finding { outcome, queries: oracle.queries(), worst: oracle.into_worst() })
}
