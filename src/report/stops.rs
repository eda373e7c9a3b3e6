//! Where sequential certifications stopped.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::rows::Row;

/// How a sequential certification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The class is certified at the target radius.
    Certified,
    /// The target radius is out of reach for every class, however many votes were drawn.
    Refuted,
    /// The budget was used up before either was certain.
    Abstained,
}

impl Verdict {
    /// The word that tables and JSON have for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Certified => "certified",
            Self::Refuted => "refuted",
            Self::Abstained => "abstained",
        }
    }

    /// The verdict of a word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Certified, Self::Refuted, Self::Abstained].into_iter().find(|verdict| verdict.word() == word)
    }
}

/// The end of one sequential certification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// How it ended.
    pub verdict: Verdict,
    /// Votes that were counted until then.
    pub samples: u32,
}

/// The ends of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Stops {
    /// Images.
    pub images: usize,
    /// Images for which the target radius is out of reach.
    pub refuted: usize,
    /// Images for which the budget was used up.
    pub abstained: usize,
    /// Votes of all images.
    pub samples: u64,
    /// Least number of votes that was enough for half of the images; none without images.
    pub median: Option<u32>,
}

impl Stops {
    /// Sums up the rows of a sequential run; none if a row is not of one.
    #[must_use]
    pub fn of(rows: &[Row]) -> Option<Self> {
        let stops: Vec<Stop> = rows.iter().map(|row| row.stop).collect::<Option<_>>()?;
        let count = |verdict| stops.iter().filter(|stop| stop.verdict == verdict).count();
        let mut samples: Vec<u32> = stops.iter().map(|stop| stop.samples).collect();
        samples.sort_unstable();
        Some(Self {
            images: stops.len(),
            refuted: count(Verdict::Refuted),
            abstained: count(Verdict::Abstained),
            samples: samples.iter().copied().map(u64::from).sum(),
            median: samples.get(samples.len().saturating_sub(1) / 2).copied(),
        })
    }

    /// Votes an image; none without images.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.images > 0).then(|| self.samples as f64 / self.images as f64)
    }
}

impl fmt::Display for Stops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = |count: usize| format!("{count}/{}", self.images);
        writeln!(f, "refuted: radius out of reach   {:>8}", share(self.refuted))?;
        writeln!(f, "abstained: budget used up      {:>8}", share(self.abstained))?;
        write!(f, "samples an image               {:>8.1} mean", self.mean().unwrap_or(0.0))?;
        write!(f, ", {} median", self.median.unwrap_or(0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn stops_are_counted() {
        let row = |verdict, samples| Row {
            idx: 0,
            label: 0,
            predict: None,
            radius_units: 0,
            time: Duration::ZERO,
            stop: Some(Stop { verdict, samples }),
        };
        let mut rows =
            vec![row(Verdict::Abstained, 1000), row(Verdict::Refuted, 9), row(Verdict::Certified, 60)];
        let stops = Stops::of(&rows).unwrap();
        assert_eq!((stops.images, stops.refuted, stops.abstained, stops.samples), (3, 1, 1, 1069));
        assert_eq!((stops.median, stops.mean()), (Some(60), Some(1069.0 / 3.0)));
        rows.push(row(Verdict::Refuted, 61));
        assert_eq!(Stops::of(&rows).unwrap().median, Some(60));
        rows.push(Row { stop: None, ..rows[0] });
        assert_eq!(Stops::of(&rows), None);
        assert_eq!(Stops::of(&[]).unwrap().mean(), None);
    }
}
