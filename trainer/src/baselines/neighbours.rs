//! A deviation that grows with the distance from the training images (Súkeník et al. 2022, section 5).

use rayon::prelude::*;

/// `sigma(x) = base exp(rate (distance(x) - centre))`, the distance being the mean L2 distance to the nearest `count`
/// training images, which changes by at most 1 for every unit of distance.
#[derive(Debug, Clone)]
pub struct Neighbours {
    points: Vec<u8>,
    values: usize,
    count: usize,
    base: f64,
    rate: f64,
    centre: f64,
}

impl Neighbours {
    /// Among `points`, images of `values` bytes each; the centre is the mean distance of every 1 + n/200 th of them from
    /// the others.
    #[must_use]
    pub fn new(points: Vec<u8>, values: usize, count: usize, (base, rate): (f64, f64)) -> Self {
        let mut made = Self { points, values, count: count.max(1), base, rate, centre: 0.0 };
        let images: Vec<&[u8]> = made.points.chunks_exact(values.max(1)).collect();
        let some: Vec<&[u8]> = images.iter().copied().step_by(1 + images.len() / 200).collect();
        let sum: f64 = some.par_iter().map(|image| made.mean_distance(image, true)).sum();
        let centre = sum / some.len().max(1) as f64;
        made.centre = centre;
        made
    }

    /// Mean distance of `image` to its nearest points, the pixel range being 1; without itself if it is one of them.
    fn mean_distance(&self, image: &[u8], own: bool) -> f64 {
        let square = |point: &[u8]| -> u64 {
            point.iter().zip(image).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
        };
        let mut squares: Vec<u64> = self.points.chunks_exact(self.values.max(1)).map(square).collect();
        squares.sort_unstable();
        let nearest = squares.iter().skip(usize::from(own)).take(self.count);
        let roots: Vec<f64> = nearest.map(|s| (*s as f64).sqrt() / 255.0).collect();
        roots.iter().sum::<f64>() / roots.len().max(1) as f64
    }

    /// Deviation at `image`.
    #[must_use]
    pub fn sigma(&self, image: &[u8]) -> f64 {
        self.base * (self.rate * (self.mean_distance(image, false) - self.centre)).exp()
    }
}
