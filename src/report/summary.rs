//! What a whole run shows: certified accuracy at radii, abstentions, average radius.

use std::fmt;

use super::interval::wilson_95;
use super::record::Norm;
use super::rows::Row;
use super::stops::Stops;

/// Certified accuracy at one radius.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// Radius in pixels.
    pub radius: f64,
    /// Images certified in their true class at this radius or more.
    pub certified: usize,
    /// `certified` as a share of all images.
    pub share: f64,
    /// 95 % interval of the share over images like these.
    pub interval: (f64, f64),
}

impl Score {
    /// The radius with two decimals, more where it has more: the key of JSON objects.
    #[must_use]
    pub fn key(&self) -> String {
        let short = format!("{:.2}", self.radius);
        if short.parse() == Ok(self.radius) { short } else { self.radius.to_string() }
    }
}

/// Summary of the rows of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Number of images.
    pub images: usize,
    /// What radii are measured in.
    pub norm: Norm,
    /// Certified accuracy at each radius asked for.
    pub scores: Vec<Score>,
    /// Images without a certificate.
    pub abstained: usize,
    /// Images certified in a wrong class.
    pub wrong: usize,
    /// Average certified radius in pixels: wrong and abstained images count as 0 (Zhai et al., "MACER", 2020).
    pub average_radius: f64,
    /// Where the certifications stopped, if all are sequential and there are any.
    pub stops: Option<Stops>,
}

impl Summary {
    /// Sums up `rows` at `radii` (pixels).
    #[must_use]
    pub fn of(rows: &[Row], radii: &[f64], norm: Norm) -> Self {
        let images = rows.len();
        let correct = || rows.iter().filter(|row| row.correct());
        let score = |&radius: &f64| {
            let certified = correct().filter(|row| in_pixels(row.radius_units) >= radius).count();
            let share = if images == 0 { 0.0 } else { certified as f64 / images as f64 };
            Score { radius, certified, share, interval: wilson_95(certified, images) }
        };
        let radius_sum: f64 = correct().map(|row| in_pixels(row.radius_units)).sum();
        let abstained = rows.iter().filter(|row| row.predict.is_none()).count();
        Self {
            images,
            norm,
            scores: radii.iter().map(score).collect(),
            abstained,
            wrong: images - abstained - correct().count(),
            average_radius: if images == 0 { 0.0 } else { radius_sum / images as f64 },
            stops: Stops::of(rows).filter(|_| images > 0),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // L-infinity radii are small: in steps of an 8-bit pixel.
        let times = self.norm.shown_in().1;
        let unit = match self.norm {
            Norm::L2 => "radius (L2, pixels in [0,1])",
            Norm::LInf => "radius (L-infinity, 1/255)",
        };
        writeln!(f, "{unit:<28}   certified accuracy   95 % interval")?;
        for score in &self.scores {
            let (low, high) = score.interval;
            writeln!(
                f,
                "{:<28}   {:>8} {:>8} %   {:>5.1} .. {:.1} %",
                if times == 1.0 { score.key() } else { format!("{:.3}", score.radius * times) },
                format!("{}/{}", score.certified, self.images),
                format!("{:.1}", 100.0 * score.share),
                100.0 * low,
                100.0 * high
            )?;
        }
        match &self.stops {
            Some(stops) => writeln!(f, "{stops}")?,
            None => {
                writeln!(
                    f,
                    "abstained                      {:>8}",
                    format!("{}/{}", self.abstained, self.images)
                )?;
            }
        }
        writeln!(f, "certified in a wrong class     {:>8}", format!("{}/{}", self.wrong, self.images))?;
        write!(f, "average certified radius       {:>8.4}", self.average_radius * times)
    }
}

/// Exact: a 32-bit integer divided by a power of two.
pub(super) fn in_pixels(units: u32) -> f64 {
    f64::from(units) / 1_048_576.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn rows() -> Vec<Row> {
        [(Some(1), 1, 524_288), (Some(1), 1, 262_144), (Some(2), 1, 900_000), (None, 1, 0), (Some(0), 0, 0)]
            .into_iter()
            .enumerate()
            .map(|(idx, (predict, label, radius_units))| Row {
                idx,
                label,
                predict,
                radius_units,
                time: Duration::ZERO,
                stop: None,
            })
            .collect()
    }

    #[test]
    fn counts_by_hand() {
        let summary = Summary::of(&rows(), &[0.0, 0.25, 0.26, 0.5, 0.75], Norm::L2);
        let certified: Vec<_> = summary.scores.iter().map(|score| score.certified).collect();
        assert_eq!(certified, [3, 2, 1, 1, 0]);
        assert_eq!((summary.abstained, summary.wrong), (1, 1));
        assert!((summary.average_radius - 0.15).abs() < 1e-12);
    }

    #[test]
    fn keys_have_two_decimals_or_more() {
        let summary = Summary::of(&[], &[0.0, 0.25, 0.125], Norm::L2);
        let keys: Vec<_> = summary.scores.iter().map(Score::key).collect();
        assert_eq!(keys, ["0.00", "0.25", "0.125"]);
    }
}
