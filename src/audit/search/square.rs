//! Random squares (Andriushchenko et al., *Square Attack*, ECCV 2020, the L2 form, on votes instead of logits).

use super::{AuditError, Oracle, Random, Search, Task};

/// Moves the length of the perturbation from one square window into another, one with a peak of random sign, and keeps
/// what takes votes from the certified class. Windows shrink as the queries are spent.
#[derive(Clone, Copy, Debug)]
pub struct Square;

/// Share of the image that a first window covers, and the shares of the queries after which it is halved.
const FIRST_WINDOW: f64 = 0.25;
const HALVINGS: [f64; 6] = [0.02, 0.05, 0.15, 0.3, 0.5, 0.75];

impl Search for Square {
    fn name(&self) -> &'static str {
        "square"
    }

    fn search(
        &self,
        task: &Task<'_>,
        oracle: &mut Oracle<'_>,
        random: &mut Random,
    ) -> Result<(), AuditError> {
        let [_, height, width] = task.shape;
        let granted = f64::from(oracle.left().max(1));
        let mut place = tiles(task.shape, random);
        let Some(score) = oracle.score(&task.ball.reach(&place))? else { return Ok(()) };
        let mut margin = score.margin;
        loop {
            let done = 1.0 - f64::from(oracle.left()) / granted;
            let halvings = HALVINGS.iter().filter(|&&at| done > at).count() as i32;
            let area = FIRST_WINDOW * 0.5_f64.powi(halvings) * (height * width) as f64;
            let side = (area.sqrt().round() as usize).clamp(1, height.min(width));
            let moved = move_window(&place, side, task.shape, random);
            let Some(score) = oracle.score(&task.ball.reach(&moved))? else { return Ok(()) };
            if score.margin < margin {
                (place, margin) = (moved, score.margin);
            }
        }
    }
}

/// Peaks of random signs over a grid of about 5 x 5 windows.
fn tiles(shape: [usize; 3], random: &mut Random) -> Vec<f64> {
    let [channels, height, width] = shape;
    let side = (height.min(width) / 5).max(1);
    let mut place = vec![0.0; channels * height * width];
    for c in 0..channels {
        for top in (0..height).step_by(side) {
            for left in (0..width).step_by(side) {
                let sign = random.sign();
                let window = Window { top, left, side };
                window.for_each(shape, c, |at, peak| place[at] = sign * peak);
            }
        }
    }
    place
}

/// A square window; it may hang over the edge of the image.
#[derive(Clone, Copy)]
struct Window {
    top: usize,
    left: usize,
    side: usize,
}

impl Window {
    fn random(side: usize, [_, height, width]: [usize; 3], random: &mut Random) -> Self {
        Self { top: random.below(height - side + 1), left: random.below(width - side + 1), side }
    }

    /// Visits the pixels of a channel with the height of a pyramid over the window.
    fn for_each(&self, [_, height, width]: [usize; 3], c: usize, mut visit: impl FnMut(usize, f64)) {
        let middle = (self.side as f64 - 1.0) / 2.0;
        for y in self.top..height.min(self.top + self.side) {
            for x in self.left..width.min(self.left + self.side) {
                let off = |at: usize, start: usize| ((at - start) as f64 - middle).abs();
                let peak = 1.0 + middle - off(y, self.top).max(off(x, self.left));
                visit((c * height + y) * width + x, peak);
            }
        }
    }
}

/// Empties one window into another.
fn move_window(place: &[f64], side: usize, shape: [usize; 3], random: &mut Random) -> Vec<f64> {
    let (into, from) = (Window::random(side, shape, random), Window::random(side, shape, random));
    let mut moved = place.to_vec();
    for c in 0..shape[0] {
        let (mut length2, mut peak2) = (0.0, 0.0);
        from.for_each(shape, c, |at, _| {
            length2 += moved[at] * moved[at];
            moved[at] = 0.0;
        });
        into.for_each(shape, c, |at, peak| {
            length2 += moved[at] * moved[at];
            peak2 += peak * peak;
        });
        let sign = random.sign();
        // What was there keeps half a say, as in the original; the length of both windows goes into this one.
        let scale = (length2.max(f64::MIN_POSITIVE) / peak2).sqrt();
        into.for_each(shape, c, |at, peak| moved[at] = 0.5 * moved[at] + sign * scale * peak);
    }
    moved
}
