//! Hill climbing on the sphere, led by the votes.

use super::{AuditError, Oracle, Random, Search, Task};
use crate::audit::random::unit;

/// Turns by a random field, that way or the other, and keeps what takes votes from the certified class.
///
/// Starts from the worst image that is known. Steps grow when they pay and shrink when they do not; the value of the
/// place itself is drawn again from time to time, since a lucky draw would never be beaten.
#[derive(Clone, Copy, Debug)]
pub struct Climb;

/// Failures in a row after which the place is scored again.
const PATIENCE: u32 = 6;

impl Search for Climb {
    fn name(&self) -> &'static str {
        "climb"
    }

    fn search(
        &self,
        task: &Task<'_>,
        oracle: &mut Oracle<'_>,
        random: &mut Random,
    ) -> Result<(), AuditError> {
        let ball = &task.ball;
        let mut place = match oracle.worst() {
            Some(worst) if worst.image != ball.center() => unit(ball.direction(&worst.image)),
            _ => random.field(task.shape),
        };
        let Some(score) = oracle.score(&ball.reach(&place))? else { return Ok(()) };
        let (mut margin, mut size, mut failures) = (score.margin, 0.5, 0);
        loop {
            let field = random.field(task.shape);
            let mut better = None;
            for size in [size, -size] {
                let turned = unit(place.iter().zip(&field).map(|(p, f)| p + size * f).collect());
                let Some(score) = oracle.score(&ball.reach(&turned))? else { return Ok(()) };
                if score.margin < margin {
                    better = Some((turned, score.margin));
                    break;
                }
            }
            match better {
                Some(found) => {
                    (place, margin) = found;
                    (size, failures) = ((size * 1.3).min(1.5), 0);
                }
                None => {
                    size = (size * 0.9).max(0.05);
                    failures += 1;
                }
            }
            if failures == PATIENCE {
                let Some(score) = oracle.score(&ball.reach(&place))? else { return Ok(()) };
                (margin, failures) = (score.margin, 0);
            }
        }
    }
}
