//! Times of N samples.

use serde::Serialize;

/// Fewest images for which the 95th and the 99th percentile mean something.
const P95_FROM: usize = 20;
const P99_FROM: usize = 100;

/// Wall time of the votes of N samples, over images. An image's time ends when the votes of its first N samples are there,
/// while the profile goes on to larger N.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Samples.
    pub n: u32,
    /// Median over the images.
    pub median_s: f64,
    /// 95th percentile; none for fewer than 20 images.
    pub p95_s: Option<f64>,
    /// 99th percentile; none for fewer than 100 images.
    pub p99_s: Option<f64>,
    /// Microseconds a sample, at the median.
    pub us_per_sample: f64,
}

/// Times of one way to compute.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Instruction set and threads, or the name of a board.
    pub name: String,
    /// Instruction set; none for a board.
    pub backend: Option<&'static str>,
    /// Threads; none for a board.
    pub threads: Option<usize>,
    /// Samples side by side; none for a board.
    pub batch: Option<usize>,
    /// Whether the times were not measured here but computed from those of a board.
    pub predicted: bool,
    /// Images that were timed.
    pub images: usize,
    /// For each N.
    pub points: Vec<Latency>,
}

impl Timing {
    /// Percentiles of the seconds of each image, which have an entry for each N.
    #[must_use]
    pub fn points(ns: &[u32], images: &[&[f64]]) -> Vec<Latency> {
        let point = |(index, &n): (usize, &u32)| {
            let mut seconds: Vec<f64> = images.iter().filter_map(|image| image.get(index).copied()).collect();
            seconds.sort_by(f64::total_cmp);
            let median_s = percentile(&seconds, 50)?;
            Some(Latency {
                n,
                median_s,
                p95_s: percentile(&seconds, 95).filter(|_| seconds.len() >= P95_FROM),
                p99_s: percentile(&seconds, 99).filter(|_| seconds.len() >= P99_FROM),
                us_per_sample: 1e6 * median_s / f64::from(n),
            })
        };
        ns.iter().enumerate().filter_map(point).collect()
    }

    /// Times of a board whose samples each take `seconds`: kernels run the same instructions whatever the values.
    #[must_use]
    pub fn predicted(name: &str, ns: &[u32], seconds: f64) -> Self {
        let point = |&n: &u32| Latency {
            n,
            median_s: f64::from(n) * seconds,
            p95_s: None,
            p99_s: None,
            us_per_sample: 1e6 * seconds,
        };
        Self {
            name: name.to_owned(),
            backend: None,
            threads: None,
            batch: None,
            predicted: true,
            images: 0,
            points: ns.iter().map(point).collect(),
        }
    }
}

/// The least value that at least `percent` of the sorted values do not exceed; none of nothing.
fn percentile(sorted: &[f64], percent: usize) -> Option<f64> {
    sorted.get((sorted.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(percentile(&values, 50), Some(100.0));
        assert_eq!(percentile(&values, 95), Some(190.0));
        assert_eq!(percentile(&values, 99), Some(198.0));
        assert_eq!((percentile(&[7.0], 50), percentile(&[7.0], 99)), (Some(7.0), Some(7.0)));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn few_images_have_no_tail() {
        let image = [0.1, 0.4];
        let points = |images| Timing::points(&[1, 4], &vec![&image[..]; images]);
        let tails = |images| points(images).iter().map(|p| (p.p95_s, p.p99_s)).collect::<Vec<_>>();
        assert_eq!(tails(19), [(None, None); 2]);
        assert_eq!(tails(20), [(Some(0.1), None), (Some(0.4), None)]);
        assert_eq!(tails(100), [(Some(0.1), Some(0.1)), (Some(0.4), Some(0.4))]);
        assert!((points(3)[1].us_per_sample - 1e5).abs() < 1e-6);
        assert!(points(0).is_empty());
    }
}
