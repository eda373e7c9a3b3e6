//! What each N buys, over all images.

use serde::Serialize;

use super::anytime::{Anytime, AnytimePoint};
use super::grid::Grid;
use super::levels::Levels;
use super::row::{ProfileRow, Rule, Set};
use crate::report::wilson_95;

/// A share of images.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Images of which it is true.
    pub count: usize,
    /// All images.
    pub images: usize,
    /// `count / images`; 0 without images.
    pub share: f64,
    /// 95 % interval of the share over images like these (Wilson).
    pub interval_95: (f64, f64),
}

impl Share {
    fn new(count: usize, images: usize) -> Self {
        let share = if images == 0 { 0.0 } else { count as f64 / images as f64 };
        Self { count, images, share, interval_95: wilson_95(count, images) }
    }

    /// Counts the rows for which `holds` is true.
    fn of<'r>(rows: impl Iterator<Item = &'r ProfileRow>, holds: impl Fn(&ProfileRow) -> bool) -> Self {
        let (count, images) =
            rows.fold((0, 0), |(count, all), row| (count + usize::from(holds(row)), all + 1));
        Self::new(count, images)
    }
}

/// Right answers of one vote.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VoteShare {
    /// How samples elect.
    pub vote: Rule,
    /// Right answers, of the images of the data set.
    pub clean: Share,
    /// Right answers, of the attacked images; none if there are none.
    pub attacked: Option<Share>,
}

/// Certified accuracy at one radius.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Certified {
    /// L2 radius in pixels of [0, 1].
    pub radius: f64,
    /// Images certified in their true class at this radius or more.
    pub accuracy: Share,
}

/// Right answers without noise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shares {
    /// Of the images of the data set.
    pub clean: Share,
    /// Of the attacked images; none if there are none.
    pub attacked: Option<Share>,
}

impl Shares {
    /// Right answers to the images themselves.
    #[must_use]
    pub fn plain(rows: &[ProfileRow]) -> Self {
        let (clean, attacked) = both(rows, |row| row.plain == row.label);
        Self { clean, attacked }
    }
}

/// What N samples an image buy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    /// Samples.
    pub n: u32,
    /// Accuracy of each vote.
    pub votes: Vec<VoteShare>,
    /// Certified accuracy at each radius asked for.
    pub certified: Vec<Certified>,
    /// Images without a certificate.
    pub abstained: usize,
    /// Images certified in a wrong class.
    pub wrong: usize,
    /// Average certified radius in pixels; wrong and abstained images count as 0.
    pub average_radius: f64,
    /// Radius of unanimous votes in pixels; none where N samples prove nothing.
    pub reach: Option<f64>,
    /// Least count that certifies anything.
    pub least_count: Option<u32>,
    /// The certification of one radius with a budget of N, if one was asked for.
    pub anytime: Option<AnytimePoint>,
    /// Certified accuracy over radius: radii in pixels, rising, and the share certified there.
    pub curve: Vec<(f64, f64)>,
}

/// Sums up rows, which fit the grid.
#[must_use]
pub fn points(
    rows: &[ProfileRow],
    (grid, rules, radii): (&Grid, &[Rule], &[f64]),
    levels: &mut Levels,
    anytime: Option<&Anytime>,
) -> Vec<Point> {
    let point = |(index, &n): (usize, &u32)| {
        let votes = rules.iter().map(|&vote| {
            let (clean, attacked) =
                both(rows, |row| row.elected(vote).get(index).is_some_and(|&class| class == row.label));
            VoteShare { vote, clean, attacked }
        });
        let votes = votes.collect();
        let outcome = Outcome::of(rows, index, levels);
        let certified = |&radius: &f64| {
            let count = outcome.right.iter().filter(|&&units| in_pixels(units) >= radius).count();
            Certified { radius, accuracy: Share::new(count, outcome.images) }
        };
        Point {
            n,
            votes,
            certified: radii.iter().map(certified).collect(),
            abstained: outcome.images - outcome.wrong - outcome.right.len(),
            wrong: outcome.wrong,
            average_radius: outcome.average(),
            reach: levels.reach(index).map(in_pixels),
            least_count: levels.least_count(index),
            anytime: anytime.map(|anytime| anytime.point(n, of(rows, Set::Clean))),
            curve: outcome.curve(),
        }
    };
    grid.ns().iter().enumerate().map(point).collect()
}

/// Certificates of one N.
struct Outcome {
    images: usize,
    wrong: usize,
    /// Radii of the images certified in their true class, rising, in units of 2^-20 pixel.
    right: Vec<u32>,
}

impl Outcome {
    fn of(rows: &[ProfileRow], index: usize, levels: &mut Levels) -> Self {
        let mut outcome = Self { images: 0, wrong: 0, right: Vec::new() };
        for row in of(rows, Set::Clean) {
            outcome.images += 1;
            let count = row.counts.get(index).copied().unwrap_or(0);
            match levels.units(index, count) {
                None => {}
                Some(units) if row.prediction.get(index) == Some(&row.label) => outcome.right.push(units),
                Some(_) => outcome.wrong += 1,
            }
        }
        outcome.right.sort_unstable();
        outcome
    }

    fn average(&self) -> f64 {
        // Not `sum`: that of nothing is -0.
        let sum = self.right.iter().copied().map(in_pixels).fold(0.0, |sum, radius| sum + radius);
        sum / self.images.max(1) as f64
    }

    fn curve(&self) -> Vec<(f64, f64)> {
        let mut left = self.right.len();
        let share = |left: usize| left as f64 / self.images.max(1) as f64;
        let steps = self.right.chunk_by(|a, b| a == b).filter_map(|equal| {
            let at = (in_pixels(*equal.first()?), share(left));
            left -= equal.len();
            Some(at)
        });
        steps.collect()
    }
}

fn both(rows: &[ProfileRow], holds: impl Fn(&ProfileRow) -> bool) -> (Share, Option<Share>) {
    let attacked = Share::of(of(rows, Set::Attacked), &holds);
    (Share::of(of(rows, Set::Clean), &holds), Some(attacked).filter(|share| share.images > 0))
}

fn of(rows: &[ProfileRow], set: Set) -> impl Iterator<Item = &ProfileRow> {
    rows.iter().filter(move |row| row.set == set)
}

/// Exact: a 32-bit integer divided by a power of two.
fn in_pixels(units: u32) -> f64 {
    f64::from(units) / 1_048_576.0
}
