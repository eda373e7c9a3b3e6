//! Boundary attack (Brendel et al. 2018, arXiv:1712.04248, algorithm 1): a random walk along the boundary, ever nearer; it
//! asks for decisions only.

use super::ball::{Norm, lengths, unit};
use super::decisions::{approach, both, first_fooling};
use super::found::Found;
use super::oracle::{Oracle, each, pick};
use crate::methods::Batch;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// The attack's numbers. It asks `11 + 2 * steps` times, and once for each random image tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Boundary {
    /// Steps.
    pub steps: u32,
    /// First length of a step around the image, a share of the distance.
    pub around: f64,
    /// First length of a step towards it, a share of the distance.
    pub towards: f64,
    /// Random images tried for a start.
    pub tries: u32,
}

/// Halvings of the way from the start to the image.
const HALVINGS: u32 = 10;
/// Proposals after which the length of a step is looked at.
const WINDOW: u32 = 20;
/// Factor by which it changes.
const FACTOR: f32 = 1.5;

impl Boundary {
    /// The nearest images in L2 that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, batch: &Batch, labels: &[i32]) -> Found {
        let images = &batch.images;
        let mut found = Found::new(Norm::L2, images, &vec![false; labels.len()]);
        let (first, started) = first_fooling(oracle, batch, labels, self.tries);
        let mut x = approach(oracle, Norm::L2, (images, labels), first, HALVINGS);
        found.offer(&x, &started);
        let pace = Pace { around: self.around as f32, towards: self.towards as f32, ..Pace::default() };
        let mut paces = vec![pace; labels.len()];
        for step in 0..self.steps {
            let (around, towards): (Vec<f32>, Vec<f32>) = paces.iter().map(|p| (p.around, p.towards)).unzip();
            let turned = turn(images, &x, batch.start_normal(self.tries + step), &around);
            let still = both(&started, &oracle.fooled(&turned, labels));
            let nearer = turned.clone() - (turned.clone() - images.clone()) * each(&towards, images);
            let closer = both(&started, &oracle.fooled(&nearer, labels));
            x = pick(&closer, nearer, pick(&still, turned, x));
            for ((pace, still), closer) in paces.iter_mut().zip(still).zip(closer) {
                pace.note(still, closer);
            }
        }
        found.offer(&x, &started);
        found
    }
}

/// `x` moved along `noise` on its sphere around `images`, by a share `around` of the radius; clipping only shortens that.
fn turn(images: &Tensor<4>, x: &Tensor<4>, noise: Tensor<4>, around: &[f32]) -> Tensor<4> {
    let [n, c, h, w] = images.dims();
    let delta = x.clone() - images.clone();
    let (radius, ray) = (lengths(delta.clone()), unit(delta));
    let along = (noise.clone() * ray.clone()).reshape([n, c * h * w]).sum_dim(1).reshape([n, 1, 1, 1]);
    let across = unit(noise - ray.clone() * along) * each(around, images);
    (images.clone() + unit(ray + across) * radius).clamp(0.0, 1.0)
}

/// Lengths of an image's steps, and how its proposals fare. Section 2.3: half of the steps around should fool, and some of
/// those towards the image.
#[derive(Debug, Clone, Copy, Default)]
struct Pace {
    around: f32,
    towards: f32,
    turns: Tally,
    nears: Tally,
}

impl Pace {
    fn note(&mut self, still: bool, closer: bool) {
        let factor = self.turns.note(still, 0.2, 0.5);
        self.around = (self.around * factor).min(1.0);
        self.towards *= factor;
        if still {
            self.towards *= self.nears.note(closer, 0.1, 0.25);
        }
        self.towards = self.towards.min(0.5);
    }
}

/// Successes since a length was last looked at.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    tried: u32,
    won: u32,
}

impl Tally {
    /// By what the length changes: less below a share `low` of successes, more above `high`.
    fn note(&mut self, won: bool, low: f32, high: f32) -> f32 {
        self.tried += 1;
        self.won += u32::from(won);
        if self.tried < WINDOW {
            return 1.0;
        }
        let share = self.won as f32 / self.tried as f32;
        *self = Self::default();
        match share {
            s if s < low => 1.0 / FACTOR,
            s if s > high => FACTOR,
            _ => 1.0,
        }
    }
}
