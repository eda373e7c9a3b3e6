//! The images that a certificate speaks about.

use ringfence_runtime::certificate::Radius;

/// Halvings of the bracket in which a direction is scaled to the ball's surface, and doublings to find the bracket.
const HALVINGS: usize = 12;
const DOUBLINGS: usize = 24;

/// All 8-bit images closer to `center` than a certified radius.
#[derive(Clone, Copy, Debug)]
pub struct Ball<'c> {
    center: &'c [u8],
    /// Largest sum of squared differences, in (1/255)^2, that is inside.
    limit: u64,
}

impl<'c> Ball<'c> {
    /// The ball of a radius; none for radius 0, which holds not even the center.
    ///
    /// `||x' - x|| < R` with R in units of 2^-20 pixel is `255^-2 * sum < (R 2^-20)^2`: decided in integers.
    #[must_use]
    pub fn new(center: &'c [u8], radius: Radius) -> Option<Self> {
        let edge = 255 * u128::from(radius.units());
        let limit = (edge * edge).checked_sub(1)? >> 40;
        // The square of 255 * 2^32 has 80 bits.
        Some(Self { center, limit: limit as u64 })
    }

    /// The certified image.
    #[must_use]
    pub fn center(&self) -> &'c [u8] {
        self.center
    }

    /// Sum of squared differences to the center, in (1/255)^2.
    #[must_use]
    pub fn distance2(&self, image: &[u8]) -> u64 {
        self.center.iter().zip(image).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
    }

    /// Whether an image of the same size is inside.
    #[must_use]
    pub fn contains(&self, image: &[u8]) -> bool {
        image.len() == self.center.len() && self.distance2(image) <= self.limit
    }

    /// The radius in 1/255, a little rounded.
    #[must_use]
    pub fn radius_255(&self) -> f64 {
        (self.limit as f64).sqrt()
    }

    /// The direction from the center to an image.
    #[must_use]
    pub fn direction(&self, image: &[u8]) -> Vec<f64> {
        self.center.iter().zip(image).map(|(&a, &b)| f64::from(b) - f64::from(a)).collect()
    }

    /// An image of the ball, far out in a direction: rounded to the grid, clamped to 0..=255, scaled up again for what
    /// that took away.
    #[must_use]
    pub fn reach(&self, direction: &[f64]) -> Vec<u8> {
        let norm = direction.iter().map(|d| d * d).sum::<f64>().sqrt();
        let mut best = self.center.to_vec();
        if norm == 0.0 {
            return best;
        }
        let (mut inside, mut outside) = (0.0, self.radius_255() / norm);
        for _ in 0..DOUBLINGS {
            let image = self.step(direction, outside);
            if !self.contains(&image) {
                break;
            }
            (best, inside, outside) = (image, outside, 2.0 * outside);
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            let image = self.step(direction, middle);
            if self.contains(&image) {
                (best, inside) = (image, middle);
            } else {
                outside = middle;
            }
        }
        best
    }

    /// The center moved by `scale * direction`, on the grid.
    fn step(&self, direction: &[f64], scale: f64) -> Vec<u8> {
        // The cast saturates, which is the clamp.
        let moved = |(&pixel, &d): (&u8, &f64)| (f64::from(pixel) + scale * d).round() as u8;
        self.center.iter().zip(direction).map(moved).collect()
    }
}
