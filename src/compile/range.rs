//! Ranges of activations: what was seen, and where to clip so that seven or eight bits lose least.

/// Bins between the extremes that were seen.
const BINS: usize = 2048;

/// Clip points tried on each side: fractions of the extreme from 1 / 64 to 1.
const STEPS: usize = 64;

/// Extremes of a value over all samples; always holds zero.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Extremes {
    /// Smallest, at most 0.
    pub min: f32,
    /// Largest, at least 0.
    pub max: f32,
}

impl Extremes {
    /// Extremes of some values.
    pub fn of(values: &[f32]) -> Self {
        values.iter().fold(Self::default(), |e, x| Self { min: e.min.min(*x), max: e.max.max(*x) })
    }

    /// Extremes of both.
    pub fn join(self, other: Self) -> Self {
        Self { min: self.min.min(other.min), max: self.max.max(other.max) }
    }
}

/// Distribution of a value between its extremes. Exact zeros are left out: they are stored without error.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    extremes: Extremes,
    counts: Vec<u64>,
}

impl Histogram {
    /// The distribution of values between `extremes`.
    pub fn of(extremes: Extremes, values: &[f32]) -> Self {
        let mut histogram = Self { extremes, counts: vec![0; BINS] };
        let per_unit = BINS as f32 / histogram.width();
        for value in values.iter().filter(|x| **x != 0.0) {
            let bin = ((value - extremes.min) * per_unit) as usize;
            histogram.counts[bin.min(BINS - 1)] += 1;
        }
        histogram
    }

    /// The extremes it was made with.
    pub fn extremes(&self) -> Extremes {
        self.extremes
    }

    /// Adds the counts of a histogram with the same extremes.
    pub fn merge(mut self, other: &Histogram) -> Histogram {
        self.counts.iter_mut().zip(&other.counts).for_each(|(a, b)| *a += b);
        self
    }

    fn width(&self) -> f32 {
        (self.extremes.max - self.extremes.min).max(f32::MIN_POSITIVE)
    }

    /// The range that minimises the mean square of rounding (to levels 0..=`top`) and clipping error, found side by
    /// side.
    pub fn best_range(&self, top: u8) -> (f64, f64) {
        let (min, max) = (f64::from(self.extremes.min), f64::from(self.extremes.max));
        let (mut lo, mut hi) = (min, max);
        let fractions = || (1..=STEPS).map(|step| step as f64 / STEPS as f64);
        for _ in 0..2 {
            hi = least(fractions().map(|f| f * max), |hi| self.error(lo, hi, top));
            lo = least(fractions().map(|f| f * min), |lo| self.error(lo, hi, top));
        }
        (lo, hi)
    }

    /// Sum of squared errors when values are clipped to `lo..=hi` and rounded to levels 0..=`top`.
    fn error(&self, lo: f64, hi: f64, top: u8) -> f64 {
        let rounding = ((hi - lo) / f64::from(top)).powi(2) / 12.0;
        let (start, step) = (f64::from(self.extremes.min), f64::from(self.width()) / BINS as f64);
        let bins = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        bins.map(|(bin, count)| {
            let value = start + (bin as f64 + 0.5) * step;
            let clipped = value - value.clamp(lo, hi);
            *count as f64 * if clipped == 0.0 { rounding } else { clipped * clipped }
        })
        .sum()
    }
}

/// The candidate of least error; the last of equals, which is the widest.
fn least(candidates: impl Iterator<Item = f64>, error: impl Fn(f64) -> f64) -> f64 {
    candidates
        .map(|c| (error(c), c))
        .fold((f64::INFINITY, 0.0), |best, c| if c.0 <= best.0 { c } else { best })
        .1
}
