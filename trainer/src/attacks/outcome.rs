//! What a suite found: attack by attack for each size of the ball, and image by image.

use super::Cost;
use super::found::within;
use serde::Serialize;

/// What one attack left at one size.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// The attack.
    pub attack: &'static str,
    /// Size of the ball.
    #[serde(skip)]
    pub epsilon: f64,
    /// Share of all images that are right after it and those before it.
    pub accuracy: f64,
    /// Images it broke.
    pub broken: usize,
    /// Passes it cost; none where an attack for all sizes was counted at the first.
    pub cost: Option<Cost>,
}

/// The result for one size of the ball.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The size.
    pub epsilon: f64,
    /// Share that is right without an attack.
    pub clean: f64,
    /// Attack by attack, as if no other size was asked for.
    pub lines: Vec<Line>,
    /// Images that only an attack at another size broke within this one.
    pub broken_elsewhere: usize,
    /// Share that stands everything.
    pub robust: f64,
    /// Per image the attack that broke it; `clean` for one that was wrong before, none for one that stood all.
    pub broken_by: Vec<Option<&'static str>>,
}

/// An attack on an image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Try {
    /// The attack.
    pub attack: &'static str,
    /// Size of the ball; none for an attack that looks for the nearest image.
    pub epsilon: Option<f64>,
    /// How far the adversarial image is; none: the image stood.
    pub distance: Option<f32>,
}

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    /// Its number in the data set.
    pub image: u32,
    /// Its label.
    pub label: i32,
    /// Whether it is right without an attack.
    pub clean: bool,
    /// The least distance at which it is wrong; none: no attack succeeded.
    pub least: Option<f32>,
    /// The attacks that ran on it.
    pub tries: Vec<Try>,
}

/// The result of a suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Results {
    /// One for each size, in the order asked for.
    pub outcomes: Vec<Outcome>,
    /// One for each image.
    pub images: Vec<Record>,
}

impl Record {
    /// The try that broke it at the least distance.
    #[must_use]
    pub fn nearest(&self) -> Option<&Try> {
        let by = |t: &&Try| t.distance.unwrap_or(f32::INFINITY);
        self.tries.iter().filter(|t| t.distance.is_some()).min_by(|a, b| by(a).total_cmp(&by(b)))
    }
}

impl Outcome {
    fn share(&self) -> f64 {
        let right = self.broken_by.iter().filter(|b| b.is_none()).count();
        right as f64 / self.broken_by.len().max(1) as f64
    }

    /// Takes the distances that `attack` found; at a size of its own (`fixed`) each counts.
    fn take(
        &mut self,
        (attack, fixed): (&'static str, bool),
        (ids, found): (&[u32], &[Option<f32>]),
        cost: Option<Cost>,
    ) -> Line {
        let mut broken = 0;
        for (id, distance) in ids.iter().zip(found) {
            let by = &mut self.broken_by[*id as usize];
            if by.is_none() && distance.is_some_and(|d| fixed || within(d, self.epsilon)) {
                *by = Some(attack);
                broken += 1;
            }
        }
        let line = Line { attack, epsilon: self.epsilon, accuracy: self.share(), broken, cost };
        self.lines.push(line.clone());
        line
    }
}

impl Results {
    /// Of images with these labels, of which `wrong` are wrong without an attack.
    pub(super) fn new(epsilons: &[f64], labels: &[i32], wrong: &[Option<f32>]) -> Self {
        let record = |(image, (label, wrong)): (u32, (&i32, &Option<f32>))| Record {
            image,
            label: *label,
            clean: wrong.is_none(),
            least: *wrong,
            tries: vec![],
        };
        let images: Vec<Record> = (0..).zip(labels.iter().zip(wrong)).map(record).collect();
        let outcome = |epsilon: &f64| {
            let broken_by = images.iter().map(|r| (!r.clean).then_some("clean")).collect();
            let (lines, broken_elsewhere) = (vec![], 0);
            let mut outcome =
                Outcome { epsilon: *epsilon, clean: 0.0, lines, broken_elsewhere, robust: 0.0, broken_by };
            outcome.clean = outcome.share();
            outcome
        };
        Self { outcomes: epsilons.iter().map(outcome).collect(), images }
    }

    /// The images that stand at size number `at`, or at any.
    pub(super) fn left(&self, at: Option<usize>) -> Vec<u32> {
        let stands = |id: usize| self.concerned(at).any(|o| self.outcomes[o].broken_by[id].is_none());
        (0..self.images.len()).filter(|id| stands(*id)).map(|id| id as u32).collect()
    }

    /// Sizes that an attack at `at`, or at the least it needs, is judged for.
    fn concerned(&self, at: Option<usize>) -> impl Iterator<Item = usize> + use<> {
        at.map_or(0..self.outcomes.len(), |at| at..at + 1)
    }

    /// Takes the distances that `attack` found on images `ids` at size number `at`, or (none) at the least it needed.
    pub(super) fn take(
        &mut self,
        attack: &'static str,
        at: Option<usize>,
        (ids, found): (&[u32], &[Option<f32>]),
        cost: Cost,
    ) -> Vec<Line> {
        let epsilon = at.map(|at| self.outcomes[at].epsilon);
        for (id, distance) in ids.iter().zip(found) {
            let record = &mut self.images[*id as usize];
            record.tries.push(Try { attack, epsilon, distance: *distance });
            record.least = [record.least, *distance].into_iter().flatten().reduce(f32::min);
        }
        let mut cost = Some(cost);
        self.concerned(at)
            .map(|o| self.outcomes[o].take((attack, at.is_some()), (ids, found), cost.take()))
            .collect()
    }

    /// An image that is broken within a ball is broken within every larger one.
    pub(super) fn finish(&mut self) {
        for outcome in &mut self.outcomes {
            for (by, record) in outcome.broken_by.iter_mut().zip(&self.images).filter(|(by, _)| by.is_none())
            {
                let inside =
                    record.nearest().filter(|t| t.distance.is_some_and(|d| within(d, outcome.epsilon)));
                *by = inside.map(|t| t.attack);
                outcome.broken_elsewhere += usize::from(by.is_some());
            }
            outcome.robust = outcome.share();
        }
    }
}
