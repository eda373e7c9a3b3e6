//! The run on the terminal: a bar with ETA, and lines that show where loss and accuracy are going.

use super::metrics::Metric;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::VecDeque;

/// Points of a line.
const POINTS: usize = 48;

/// A bar and two lines on stderr, or nothing.
#[derive(Debug)]
pub struct View {
    bar: ProgressBar,
    losses: Line,
    accuracies: Line,
}

#[derive(Debug)]
struct Line {
    bar: ProgressBar,
    values: VecDeque<f64>,
}

/// Bars of eight heights for `values`, from their least to their greatest.
fn sparkline(values: &VecDeque<f64>) -> String {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let height = |v: f64| if high > low { (7.0 * (v - low) / (high - low)).round() as usize } else { 0 };
    values.iter().map(|&v| ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'][height(v).min(7)]).collect()
}

impl Line {
    fn push(&mut self, value: f64, text: String) {
        if self.values.len() == POINTS {
            self.values.pop_front();
        }
        self.values.push_back(value);
        self.bar.set_message(format!("{} {text}", sparkline(&self.values)));
    }
}

impl View {
    /// A view of `steps` steps, of which `done` are done; it draws only if `shown` and stderr is a terminal.
    #[must_use]
    pub fn new(shown: bool, steps: u64, done: u64) -> Self {
        let all = MultiProgress::new();
        let add = |template: &str, bar: ProgressBar| {
            if !shown {
                return ProgressBar::hidden();
            }
            let style = ProgressStyle::with_template(template);
            all.add(bar).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        };
        let line = |name: &str| Line {
            bar: add(&format!("{name:>9} {{msg}}"), ProgressBar::new(0)),
            values: VecDeque::new(),
        };
        let bar = add(
            "{bar:30} {pos}/{len} {msg} {elapsed} ETA {eta}",
            ProgressBar::new(steps).with_position(done),
        );
        bar.reset_eta();
        Self { bar, losses: line("loss"), accuracies: line("held out") }
    }

    /// Moves the bar.
    pub fn at(&self, step: u64) {
        self.bar.set_position(step);
    }

    /// Shows a line of metrics.
    pub fn show(&mut self, metric: &Metric) {
        match metric {
            Metric::Train { epoch, loss, speed, .. } => {
                self.bar.set_message(format!("epoch {epoch} {speed:.0} img/s"));
                self.losses.push(*loss, format!("{loss:.3}"));
            }
            Metric::Validation { accuracy, robust, .. } => {
                let attacked = robust.map_or_else(String::new, |r| format!(", attacked {:.1} %", 100.0 * r));
                self.accuracies.push(*accuracy, format!("{:.1} %{attacked}", 100.0 * accuracy));
            }
        }
    }

    /// Takes it off the terminal.
    pub fn finish(&self) {
        for bar in [&self.bar, &self.losses.bar, &self.accuracies.bar] {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_show_the_range() {
        assert_eq!(sparkline(&VecDeque::from([0.0, 7.0, 3.0])), "▁█▄");
        assert_eq!(sparkline(&VecDeque::from([2.0, 2.0])), "▁▁");
        assert_eq!(sparkline(&VecDeque::new()), "");
    }

    #[test]
    fn old_points_leave() {
        let mut view = View::new(false, 10, 0);
        for i in 0..100 {
            view.show(&Metric::Train { step: i, epoch: 0, rate: 0.1, loss: i as f64, speed: 1.0 });
        }
        assert_eq!(view.losses.values.len(), POINTS);
        assert_eq!(view.losses.values[0], 52.0);
    }
}
