//! Carlini and Wagner's L-infinity attack (2017, arXiv:1608.04644, section VI.C): only what exceeds a threshold is penalised,
//! and the threshold falls.

use super::ball::Norm;
use super::carlini::{Adam, Carlini};
use super::found::Found;
use super::objective::margin;
use super::oracle::{Oracle, each, labels_of};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// A threshold below this is not lowered: it is less than a step of eight bits.
const LEAST: f32 = 1.0 / 256.0;
/// The search ends where the threshold is this near to what was found.
const NEAR: f32 = 0.01;

/// The attack's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CarliniMax {
    /// Goal, box, steps and rate of each round; its first weight; its searches are the rounds at most.
    pub inner: Carlini,
    /// Largest weight: tenfold after each round that finds nothing nearer, up to this.
    pub most: f64,
    /// The threshold as a share of the distance found. Where no weight succeeds, the rest is halved.
    pub shrink: f64,
}

/// Where an image's search stands.
struct Track {
    weight: f32,
    threshold: f32,
    gap: f32,
    done: bool,
}

impl CarliniMax {
    /// The nearest images that are given another class than `labels`.
    #[must_use]
    pub fn run(&self, oracle: &Oracle, images: &Tensor<4>, labels: &[i32]) -> Found {
        let mut found = Found::new(Norm::Linf, images, &oracle.fooled(images, labels));
        let first = |distance: &f32| Track {
            weight: self.inner.weight as f32,
            threshold: 1.0,
            gap: 1.0 - self.shrink as f32,
            done: *distance == 0.0,
        };
        let mut tracks: Vec<Track> = found.distances.iter().map(first).collect();
        for _ in 0..self.inner.searches {
            if tracks.iter().all(|t| t.done) {
                break;
            }
            let before = found.distances.clone();
            self.descend(oracle, images, labels, &tracks, &mut found);
            let distances = before.iter().zip(&found.distances);
            tracks.iter_mut().zip(distances).for_each(|(t, (before, now))| self.next(t, *before, *now));
        }
        found
    }

    /// The next round, after one that came from distance `before` to `now`.
    fn next(&self, track: &mut Track, before: f32, now: f32) {
        let nearer = now.is_finite() && (before.is_infinite() || now < before * (1.0 - 0.5 * track.gap));
        if !nearer {
            track.weight *= 10.0;
            if f64::from(track.weight) > self.most {
                track.weight = self.inner.weight as f32;
                track.gap *= 0.5;
                track.done |= now.is_infinite() || track.gap < NEAR;
            }
        }
        if now.is_finite() {
            track.threshold = now * (1.0 - track.gap);
            track.done |= track.threshold < LEAST;
        }
    }

    /// Minimises `weight * goal + sum max(|x' - x| - threshold, 0)` from what was found.
    fn descend(
        &self,
        oracle: &Oracle,
        images: &Tensor<4>,
        labels: &[i32],
        tracks: &[Track],
        found: &mut Found,
    ) {
        let (inner, y) = (&self.inner, labels_of(labels, images));
        let column = |of: &dyn Fn(&Track) -> f32| each(&tracks.iter().map(of).collect::<Vec<_>>(), images);
        let (weight, threshold) = (column(&|t| t.weight), column(&|t| t.threshold));
        let mut w = inner.inside.variable(&found.images);
        let mut adam = Adam::new(&w, inner.rate);
        for _ in 0..inner.steps {
            let x = inner.inside.image(&w).clamp(0.0, 1.0);
            let (_, gaps, slope) = oracle.gradient_beside(&x, &|z| inner.goal(z, &y), &|z| margin(z, &y));
            // An image that is done stays, whatever others of its batch still need.
            let fooled =
                gaps.iter().zip(tracks).map(|(g, t)| !t.done && f64::from(*g) > inner.kappa.max(0.0));
            found.offer(&x, &fooled.collect::<Vec<_>>());
            let delta = x.clone() - images.clone();
            let beyond = (delta.clone().abs() - threshold.clone()).greater_elem(0.0).float();
            let gradient = slope * weight.clone() + delta.sign() * beyond;
            w = inner.step(&mut adam, w, &x, gradient);
        }
    }
}
