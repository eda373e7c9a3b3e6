//! Which N to take.

use serde::Serialize;

use super::latency::Timing;
use super::points::{Certified, Point, Share};

/// What is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Radius in pixels that certificates should have.
    pub radius: Option<f64>,
    /// Milliseconds an image may take.
    pub budget_ms: Option<f64>,
}

/// What is better when it is more.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Certified accuracy at this radius in pixels.
    CertifiedAccuracyAt(f64),
    /// Average certified radius in pixels.
    AverageRadius,
}

impl Quality {
    /// Its value at an N, and the lower end of its 95 % interval; of a radius, which has none, the value again.
    fn at(self, point: &Point) -> (f64, f64) {
        match self {
            Self::AverageRadius => (point.average_radius, point.average_radius),
            Self::CertifiedAccuracyAt(radius) => {
                let found = point.certified.iter().find(|certified| certified.radius == radius);
                found
                    .map_or((0.0, 0.0), |Certified { accuracy: Share { share, interval_95, .. }, .. }| {
                        (*share, interval_95.0)
                    })
            }
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> String {
        match self {
            Self::CertifiedAccuracyAt(radius) => format!("certified accuracy at radius {radius}"),
            Self::AverageRadius => "average certified radius".to_owned(),
        }
    }
}

/// An N that no other N beats in both time and quality.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Front {
    /// Samples.
    pub n: u32,
    /// Median seconds.
    pub seconds: f64,
    /// The quality.
    pub quality: f64,
}

/// Which N to take with one way to compute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// The name of the [`Timing`].
    pub timing: String,
    /// What is compared.
    pub quality: Quality,
    /// The Pareto front, by rising time.
    pub front: Vec<Front>,
    /// The least N whose quality is not below the 95 % interval of the best; of an average radius, the best.
    pub enough: Option<u32>,
    /// Milliseconds that were allowed.
    pub budget_ms: Option<f64>,
    /// The N of the front with the highest quality whose median time fits; none if none fits.
    pub within_budget: Option<u32>,
}

impl Advice {
    /// Compares the points by the radius that is wished for, else by the average certified radius.
    #[must_use]
    pub fn new(points: &[Point], timing: &Timing, wish: Wish) -> Self {
        let quality = wish.radius.map_or(Quality::AverageRadius, Quality::CertifiedAccuracyAt);
        let times = timing.points.iter().filter_map(|time| {
            let point = points.iter().find(|point| point.n == time.n)?;
            Some(Front { n: time.n, seconds: time.median_s, quality: quality.at(point).0 })
        });
        let front = front(times.collect());
        let fits = |at: &&Front| wish.budget_ms.is_some_and(|budget| at.seconds * 1e3 <= budget);
        let within_budget = front.iter().rfind(fits).map(|at| at.n);
        let enough = enough(points, quality);
        Self { timing: timing.name.clone(), quality, front, enough, budget_ms: wish.budget_ms, within_budget }
    }
}

/// Those with more quality than all that are quicker; nothing of no quality.
fn front(mut times: Vec<Front>) -> Vec<Front> {
    times.sort_by(|a, b| a.seconds.total_cmp(&b.seconds).then(b.quality.total_cmp(&a.quality)));
    let mut best = 0.0;
    times.retain(|at| {
        let better = at.quality > best;
        best = at.quality.max(best);
        better
    });
    times
}

fn enough(points: &[Point], quality: Quality) -> Option<u32> {
    let best = points.iter().map(|point| quality.at(point)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    points.iter().find(|point| best.0 > 0.0 && quality.at(point).0 >= best.1).map(|point| point.n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u32, seconds: f64, quality: f64) -> Front {
        Front { n, seconds, quality }
    }

    #[test]
    fn nothing_on_the_front_is_beaten() {
        let all = vec![at(8, 0.3, 0.5), at(1, 0.1, 0.0), at(2, 0.2, 0.6), at(4, 0.25, 0.6), at(16, 0.9, 0.7)];
        assert_eq!(front(all), [at(2, 0.2, 0.6), at(16, 0.9, 0.7)]);
        assert_eq!(front(vec![]), []);
    }
}
