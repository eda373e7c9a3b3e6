//! Output pixels row after row, a tile at a time.

use crate::ops::ConvPlan;

/// Where an output pixel is: first bytes in each tensor. Counted along rather than multiplied out, because
/// multiplications would take a port from the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Of its window in the input.
    pub input: usize,
    /// Of its residual; nothing if there is none.
    pub residual: usize,
    /// Of its first channel in the output.
    pub output: usize,
}

impl Place {
    /// Row `y`, column `x`.
    pub fn new(plan: &ConvPlan<'_>, y: usize, x: usize) -> Self {
        Self {
            input: plan.window(y, x),
            residual: plan.residual.map_or(0, |residual| residual.tensor.index(y, x, 0)),
            output: plan.output.index(y, x, 0),
        }
    }

    #[inline]
    fn plus(self, step: &Self) -> Self {
        Self {
            input: self.input.wrapping_add(step.input),
            residual: self.residual.wrapping_add(step.residual),
            output: self.output.wrapping_add(step.output),
        }
    }
}

/// The pixels of a convolution that are still to come. Tiles run on from one row into the next, so that only
/// the last tile of all is not full.
#[derive(Debug)]
pub(super) struct Scan {
    next: Place,
    /// Columns left in the row of the next pixel.
    columns: usize,
    width: usize,
    /// Pixels left.
    left: usize,
    /// From a pixel to the next in its row, and from the last of a row to the first of the next one.
    steps: [Place; 2],
}

impl Scan {
    pub fn new(plan: &ConvPlan<'_>) -> Self {
        let output = &plan.output;
        let [next, right, last, down] =
            [(0, 0), (0, 1), (0, output.width - 1), (1, 0)].map(|(y, x)| Place::new(plan, y, x));
        let step = |from: Place, to: Place| Place {
            input: to.input.wrapping_sub(from.input),
            residual: to.residual.wrapping_sub(from.residual),
            output: to.output.wrapping_sub(from.output),
        };
        Self {
            next,
            columns: output.width,
            width: output.width,
            left: output.height * output.width,
            steps: [step(next, right), step(last, down)],
        }
    }

    /// How many pixels are left.
    pub fn left(&self) -> usize {
        self.left
    }

    /// The next pixels and how many they are, at least one; a tile that is not full repeats its last pixel.
    #[inline]
    pub fn take<const P: usize>(&mut self) -> ([Place; P], usize) {
        let [right, down] = &self.steps;
        let mut place = self.next;
        let mut places = [place; P];
        if self.columns >= P {
            for slot in &mut places {
                (*slot, place) = (place, place.plus(right));
            }
            (self.columns, self.left) = (self.columns - P, self.left - P);
            if self.columns == 0 {
                (self.columns, place) = (self.width, places[P - 1].plus(down));
            }
            self.next = place;
            return (places, P);
        }
        let count = self.left.min(P);
        for slot in &mut places {
            *slot = place;
            if self.left > 1 {
                self.left -= 1;
                self.columns -= 1;
                place = place.plus(if self.columns > 0 { right } else { down });
                self.columns = if self.columns > 0 { self.columns } else { self.width };
            } else {
                self.left = 0;
            }
        }
        self.next = place;
        (places, count)
    }
}
