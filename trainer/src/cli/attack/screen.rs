//! What `attack` shows while it runs: a line for each attack, and a bar for those that take long.

use crate::attacks::{Line, Watch};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::cell::RefCell;
use std::time::{Duration, Instant};

/// Before this an attack has no bar.
const PATIENCE: Duration = Duration::from_secs(2);

/// The running attack.
struct Running {
    bar: ProgressBar,
    since: Instant,
    shown: bool,
    passes: usize,
}

/// Lines on stdout, a bar on stderr where that is a terminal.
pub struct Screen {
    patience: Duration,
    running: RefCell<Option<Running>>,
}

impl Default for Screen {
    fn default() -> Self {
        Self { patience: PATIENCE, running: RefCell::new(None) }
    }
}

impl Watch for Screen {
    fn begin(&self, attack: &str, epsilon: Option<f64>, images: usize) {
        let name = epsilon.map_or_else(|| attack.to_owned(), |e| format!("{attack} {e:.5}"));
        let bar = ProgressBar::with_draw_target(Some(images as u64), ProgressDrawTarget::hidden());
        let style =
            ProgressStyle::with_template("{prefix:<24} {bar:30} {pos}/{len} images  {msg}  {elapsed}");
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar.with_style(style).with_prefix(name);
        *self.running.borrow_mut() = Some(Running { bar, since: Instant::now(), shown: false, passes: 0 });
    }

    fn pass(&self, images: usize) {
        let mut running = self.running.borrow_mut();
        let Some(running) = running.as_mut() else { return };
        running.passes += images;
        if !running.shown && running.since.elapsed() >= self.patience {
            running.bar.set_draw_target(ProgressDrawTarget::stderr());
            running.shown = true;
        }
        if running.shown {
            running.bar.set_message(format!("{} passes", running.passes));
        }
    }

    fn done(&self, images: usize) {
        if let Some(running) = self.running.borrow().as_ref() {
            running.bar.inc(images as u64);
        }
    }

    fn end(&self) {
        if let Some(running) = self.running.borrow_mut().take() {
            running.bar.finish_and_clear();
        }
    }

    fn line(&self, line: &Line) {
        let cost = line.cost.map_or_else(
            || "counted above".to_owned(),
            |cost| format!("{:>9} forward {:>9} backward", cost.forward, cost.backward),
        );
        println!(
            "{:<16} {:.5} {:>6.2} % left   {:>6} broken   {cost}",
            line.attack,
            line.epsilon,
            100.0 * line.accuracy,
            line.broken
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_attacks_have_a_bar() {
        let shown = |screen: &Screen| {
            screen.begin("fgsm", Some(0.1), 7);
            (0..3).for_each(|_| screen.pass(7));
            screen.done(7);
            let found = screen.running.borrow().as_ref().map(|r| (r.shown, r.passes, r.bar.position()));
            screen.end();
            assert!(screen.running.borrow().is_none());
            found
        };
        let hour = Duration::from_secs(3600);
        assert_eq!(shown(&Screen { patience: hour, ..Screen::default() }), Some((false, 21, 7)));
        assert_eq!(shown(&Screen { patience: Duration::ZERO, ..Screen::default() }), Some((true, 21, 7)));
    }
}
