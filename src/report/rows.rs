//! Rows of a certification run: one an image, in the columns of Cohen et al.'s `certify.py`
//! (`idx label predict radius correct time`).

use std::time::Duration;

use super::stops::{Stop, Verdict};

/// Header line of the table, without its line end.
pub const TSV_HEADER: &str = "idx\tlabel\tpredict\tradius\tcorrect\ttime";

/// What the header line of a sequential run has more: how it ended, and after how many samples.
pub const TSV_STOP_HEADER: &str = "\toutcome\tsamples";

/// What the header line of a replay or test has more, as its last column: `certificate`.
pub const TSV_TEST_HEADER: &str = "\tcertificate";

/// What each of its rows has more.
pub const TSV_TEST: &str = "\tno";

/// Decimals of a printed radius: enough to tell neighbouring units of 2^-20 apart.
const SCALE: u64 = 10_000_000;

/// What happened to one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index in the data set.
    pub idx: usize,
    /// True class.
    pub label: usize,
    /// Certified class; `None` is an abstention.
    pub predict: Option<usize>,
    /// Certified radius in units of 2^-20 pixel (a pixel spans `[0, 1]`); 0 for an abstention.
    pub radius_units: u32,
    /// Wall time of this image.
    pub time: Duration,
    /// The end of a sequential certification; none for other methods.
    pub stop: Option<Stop>,
}

/// A line that is no row of the table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("column `{column}`: expected {expected}, found `{found}`")]
pub struct RowError {
    /// The column at fault.
    pub column: &'static str,
    /// What it should hold.
    pub expected: &'static str,
    /// What it holds.
    pub found: String,
}

impl Row {
    /// Whether the certified class is the true one.
    #[must_use]
    pub fn correct(&self) -> bool {
        self.predict == Some(self.label)
    }

    /// The certified class, -1 for an abstention.
    #[must_use]
    pub fn predict_number(&self) -> i64 {
        self.predict.map_or(-1, |class| class as i64)
    }

    /// The radius in pixels, rounded down to seven decimals.
    #[must_use]
    pub fn radius(&self) -> f64 {
        radius_ticks(self.radius_units) as f64 / SCALE as f64
    }

    /// One line of the table, without its line end. The radius is rounded down; the time reads `h:mm:ss.ffffff`.
    #[must_use]
    pub fn to_tsv(&self) -> String {
        let ticks = radius_ticks(self.radius_units);
        let seconds = self.time.as_secs();
        let stop =
            self.stop.map_or_else(String::new, |stop| format!("\t{}\t{}", stop.verdict.word(), stop.samples));
        format!(
            "{}\t{}\t{}\t{}.{:07}\t{}\t{}:{:02}:{:02}.{:06}{stop}",
            self.idx,
            self.label,
            self.predict_number(),
            ticks / SCALE,
            ticks % SCALE,
            u8::from(self.correct()),
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            self.time.subsec_micros()
        )
    }

    /// Reads a line written by [`to_tsv`](Self::to_tsv); the radius comes back exactly.
    ///
    /// # Errors
    /// [`RowError`] names the first column that does not fit.
    pub fn from_tsv(line: &str) -> Result<Self, RowError> {
        let mut columns = line.split('\t');
        let mut next = |column, expected| {
            let found = columns.next().unwrap_or_default();
            move |valid: bool| {
                let error = RowError { column, expected, found: found.to_owned() };
                if valid { Ok(found) } else { Err(error) }
            }
        };
        let idx = number(next("idx", "an index"))?;
        let label = number(next("label", "a class"))?;
        let predict = next("predict", "a class, or -1 for an abstention");
        let predict = if predict(true)? == "-1" { None } else { Some(number(predict)?) };
        let radius = next("radius", "a decimal with seven places");
        let radius_units = parse_radius(radius(true)?).map_or_else(|| radius(false).map(|_| 0), Ok)?;
        let correct = next("correct", "1 if predict equals label, else 0");
        correct(correct(true)? == if predict == Some(label) { "1" } else { "0" })?;
        let time = next("time", "h:mm:ss.ffffff");
        let time = parse_time(time(true)?).map_or_else(|| time(false).map(|_| Duration::ZERO), Ok)?;
        let stop = columns.next().map(|word| parse_stop(word, columns.next())).transpose()?;
        match columns.next() {
            None => Ok(Self { idx, label, predict, radius_units, time, stop }),
            Some(more) => {
                Err(RowError { column: "(none)", expected: "the end of the line", found: more.to_owned() })
            }
        }
    }
}

fn number<'a>(column: impl Fn(bool) -> Result<&'a str, RowError>) -> Result<usize, RowError> {
    column(true)?.parse().or_else(|_| column(false).map(|_| 0))
}

fn parse_stop(word: &str, samples: Option<&str>) -> Result<Stop, RowError> {
    let expected = "certified, refuted or abstained";
    let error = |column, expected, found: &str| RowError { column, expected, found: found.to_owned() };
    let verdict = Verdict::from_word(word).ok_or_else(|| error("outcome", expected, word))?;
    let samples = samples.unwrap_or_default();
    let count = samples.parse().map_err(|_| error("samples", "a number of samples", samples))?;
    Ok(Stop { verdict, samples: count })
}

/// The radius in 10^-7 pixel, rounded down.
fn radius_ticks(units: u32) -> u64 {
    (u64::from(units) * SCALE) >> 20
}

fn parse_radius(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.')?;
    if decimals.len() != 7 {
        return None;
    }
    // 2^32 units are 4096 pixels.
    let whole: u64 = whole.parse().ok().filter(|&whole| whole < 4096)?;
    let ticks = whole * SCALE + decimals.parse::<u64>().ok()?;
    // A unit is 9.54 ticks and the ticks were rounded down by less than one: rounding to nearest gives the unit back.
    u32::try_from(((ticks << 20) + SCALE / 2) / SCALE).ok()
}

fn parse_time(text: &str) -> Option<Duration> {
    let (clock, micros) = text.split_once('.')?;
    let mut seconds = 0_u64;
    for part in clock.split(':') {
        seconds = seconds.checked_mul(60)?.checked_add(part.parse().ok()?)?;
    }
    Some(Duration::new(seconds, micros.parse::<u32>().ok().filter(|&micros| micros < 1_000_000)? * 1000))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn row(radius_units: u32, predict: Option<usize>) -> Row {
        let time = Duration::from_micros(3_723_000_042);
        Row { idx: 40, label: 3, predict, radius_units, time, stop: None }
    }

    #[test]
    fn prints_the_columns_of_the_reference() {
        assert_eq!(row(262_143, Some(3)).to_tsv(), "40\t3\t3\t0.2499990\t1\t1:02:03.000042");
        assert_eq!(row(0, None).to_tsv(), "40\t3\t-1\t0.0000000\t0\t1:02:03.000042");
    }

    #[test]
    fn printed_radius_never_exceeds_the_certified_one_and_reads_back() {
        for units in (0..3_000_000).step_by(7).chain([u32::MAX]) {
            let row = row(units, Some(1));
            assert!(row.radius() <= f64::from(units) / 1_048_576.0);
            assert_eq!(Row::from_tsv(&row.to_tsv()).unwrap(), row);
        }
    }

    #[test]
    fn sequential_rows_say_where_they_stopped() {
        for verdict in [Verdict::Certified, Verdict::Refuted, Verdict::Abstained] {
            let row = Row { stop: Some(Stop { verdict, samples: 66 }), ..row(262_144, Some(3)) };
            let line = format!("40\t3\t3\t0.2500000\t1\t1:02:03.000042\t{}\t66", verdict.word());
            assert_eq!(row.to_tsv(), line);
            assert_eq!(Row::from_tsv(&line).unwrap(), row);
        }
    }

    #[test]
    fn damage_is_named_by_column() {
        let column = |line: &str| Row::from_tsv(line).unwrap_err().column;
        assert_eq!(column("x\t3\t3\t0.2499990\t1\t0:00:00.000001"), "idx");
        assert_eq!(column("1\t3\t-2\t0.2499990\t1\t0:00:00.000001"), "predict");
        assert_eq!(column("1\t3\t3\t4096.0000000\t1\t0:00:00.000001"), "radius");
        assert_eq!(column("1\t3\t3\t0.25\t1\t0:00:00.000001"), "radius");
        assert_eq!(column("1\t3\t3\t0.2499990\t0\t0:00:00.000001"), "correct");
        assert_eq!(column("1\t3\t3\t0.2499990\t1"), "time");
        assert_eq!(column("1\t3"), "predict");
        assert_eq!(column("1\t3\t3\t0.2499990\t1\t0:00:00.000001\tfound\t7"), "outcome");
        assert_eq!(column("1\t3\t3\t0.2499990\t1\t0:00:00.000001\trefuted"), "samples");
        assert_eq!(column("1\t3\t3\t0.2499990\t1\t0:00:00.000001\trefuted\t7\tno"), "(none)");
    }
}
