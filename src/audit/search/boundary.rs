//! A walk along the boundary from an image of another class (Brendel, Rauber, Bethge, *Decision-based adversarial
//! attacks*, ICLR 2018, on votes).

use super::{AuditError, Oracle, Random, Search, Task};
use crate::audit::random::unit;

/// Starts where the line to an image of another class meets the boundary, and walks around the center and towards it as
/// long as the class stays another one.
#[derive(Clone, Copy, Debug)]
pub struct Boundary;

/// Halvings of the line to the other image.
const HALVINGS: u32 = 7;

impl Search for Boundary {
    fn name(&self) -> &'static str {
        "boundary"
    }

    fn search(
        &self,
        task: &Task<'_>,
        oracle: &mut Oracle<'_>,
        random: &mut Random,
    ) -> Result<(), AuditError> {
        for other in task.others {
            let Some(score) = oracle.score(other)? else { return Ok(()) };
            if score.margin < 0.0 {
                return walk(task, other, oracle, random);
            }
        }
        Ok(())
    }
}

fn walk(
    task: &Task<'_>,
    other: &[u8],
    oracle: &mut Oracle<'_>,
    random: &mut Random,
) -> Result<(), AuditError> {
    let ball = &task.ball;
    let mut place = ball.direction(other);
    let (mut near, mut far) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(near, far);
        let Some(score) = oracle.score(&at(task, &place, middle))? else { return Ok(()) };
        *(if score.margin < 0.0 { &mut far } else { &mut near }) = middle;
    }
    place.iter_mut().for_each(|p| *p *= far);
    // The place nearest to the boundary in the ball, for the searches that follow.
    if oracle.score(&ball.reach(&place))?.is_none() {
        return Ok(());
    }
    let (mut around, mut inward) = (0.3, 0.05);
    while oracle.left() > 1 {
        let length = place.iter().map(|p| p * p).sum::<f64>().sqrt();
        let field = random.field(task.shape);
        let along = field.iter().zip(&place).map(|(f, p)| f * p).sum::<f64>() / (length * length);
        let turned = place.iter().zip(&field).map(|(p, f)| p + around * length * (f - along * p));
        let mut turned = unit(turned.collect());
        turned.iter_mut().for_each(|t| *t *= length * (1.0 - inward));
        let image = at(task, &turned, 1.0);
        let Some(score) = oracle.score(&image)? else { return Ok(()) };
        if score.margin < 0.0 {
            place = turned;
            (around, inward) = ((around * 1.1_f64).min(0.6), (inward * 1.2_f64).min(0.3));
        } else {
            (around, inward) = ((around * 0.95).max(0.02), (inward * 0.8).max(0.002));
        }
    }
    oracle.score(&ball.reach(&place)).map(|_| ())
}

/// The image at `scale` times a direction from the center, on the grid.
fn at(task: &Task<'_>, direction: &[f64], scale: f64) -> Vec<u8> {
    let center = task.ball.center().iter();
    center.zip(direction).map(|(&c, &d)| (f64::from(c) + scale * d).round() as u8).collect()
}
