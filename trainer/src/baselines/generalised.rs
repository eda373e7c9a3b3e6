//! Smoothing by generalised normal noise, the family of UniCR (Hong et al. 2022, arXiv:2207.02152), against L-infinity.
//!
//! UniCR searches the worst perturbation numerically. For values that are independent and whose density has a concave
//! logarithm (`beta >= 1`) it is known: moving every value by the radius, since a longer shift of one value can only make the
//! two distributions easier to tell apart, and independent values do so together. What remains is the distribution of the
//! likelihood ratio's logarithm, a sum over values, which is computed by inverting its characteristic function.

use super::inversion::Sum;
use crate::random::Normals;
use rand_core::Rng;
use statrs::function::gamma::gamma;

/// Density proportional to `exp(-|x / scale|^beta)` in every value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Generalised {
    /// Its unit of length.
    pub scale: f64,
    /// 1: Laplace's; 2: the normal one; larger: ever more uniform.
    pub beta: f64,
}

/// Nodes and weights of Gauss and Legendre on [-1, 1], the positive half of eight.
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_27),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

/// Halvings of the panels towards a kink.
const HALVINGS: i32 = 24;

impl Generalised {
    /// Noise of deviation `sigma`.
    #[must_use]
    pub fn of_deviation(sigma: f64, beta: f64) -> Self {
        Self { scale: sigma * (gamma(1.0 / beta) / gamma(3.0 / beta)).sqrt(), beta }
    }

    /// One value: the scale times a gamma variable's power, with a random sign.
    pub fn draw(&self, random: &mut Normals) -> f32 {
        let shape = 1.0 / self.beta;
        let length = self.scale * standard_gamma(shape, random).powf(shape);
        let sign = if random.source().next_u32() & 1 == 0 { 1.0 } else { -1.0 };
        (sign * length) as f32
    }

    /// Values of the log likelihood ratio of a shift by `radius`, and their weights.
    fn losses(&self, radius: f64) -> (Vec<f64>, Vec<f64>) {
        let reach = self.scale * 40f64.powf(1.0 / self.beta);
        let (mut values, mut weights) = (vec![], vec![]);
        let mut panel = |low: f64, high: f64| {
            let (middle, half) = (f64::midpoint(low, high), 0.5 * (high - low));
            for (node, weight) in GAUSS.iter().flat_map(|(x, w)| [(*x, *w), (-*x, *w)]) {
                let x = middle + half * node;
                let [here, there] = [x, x - radius].map(|x| (x.abs() / self.scale).powf(self.beta));
                values.push(here - there);
                weights.push(half * weight * (-here).exp());
            }
        };
        // Panels shrink towards 0 and the radius, where the density or the loss has a kink.
        let mut towards = |kink: f64, end: f64| {
            let (mut at, length) = (end, end - kink);
            for halving in 1..=HALVINGS {
                // Few large steps first: the outer half is cut in four.
                let next = kink + length * 0.5f64.powi(halving);
                for part in 0..4 {
                    let cut = |part: f64| at + (next - at) * part / 4.0;
                    let (a, b) = (cut(f64::from(part)), cut(f64::from(part + 1)));
                    panel(a.min(b), a.max(b));
                }
                at = next;
            }
            panel(kink.min(at), kink.max(at));
        };
        towards(0.0, -reach);
        towards(0.0, 0.5 * radius);
        towards(radius, 0.5 * radius);
        towards(radius, radius + reach);
        let total: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= total);
        (values, weights)
    }

    /// The least probability of a class at an image of `values` values that keeps it the most likely one within `radius`
    /// (L-infinity). By symmetry the shifted ratio is distributed as the negative one, so that the class's worst set must
    /// reach beyond the negative median. None if there are too few values to tell.
    #[must_use]
    pub fn needed(&self, radius: f64, values: usize) -> Option<f64> {
        if radius <= 0.0 {
            return Some(0.5);
        }
        let (losses, weights) = self.losses(radius);
        let sum = Sum::new(&losses, &weights, values)?;
        Some(sum.below(-sum.median()))
    }

    /// L-infinity radius that a class of probability `p` has; 0 if `p` is not above 1/2. None if there are too few values.
    #[must_use]
    pub fn radius(&self, p: f64, values: usize) -> Option<f64> {
        if p <= 0.5 || p.is_nan() {
            return Some(0.0);
        }
        let p = p.min(1.0 - 1e-9);
        let (mut low, mut high) = (0.0, self.scale / (values as f64).sqrt());
        while self.needed(high, values)? <= p {
            (low, high) = (high, 2.0 * high);
        }
        while high - low > 1e-7 * high {
            let middle = f64::midpoint(low, high);
            if self.needed(middle, values)? <= p {
                low = middle;
            } else {
                high = middle;
            }
        }
        Some(low)
    }
}

/// A gamma variable of scale 1 (Marsaglia and Tsang 2000; shapes below 1 by a power of a uniform one).
fn standard_gamma(shape: f64, random: &mut Normals) -> f64 {
    let uniform = |random: &mut Normals| (random.source().next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    if shape < 1.0 {
        return standard_gamma(shape + 1.0, random) * (1.0 - uniform(random)).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let z = f64::from(random.draw());
        let v = (1.0 + c * z).powi(3);
        let u = 1.0 - uniform(random);
        if v > 0.0 && u.ln() < 0.5 * z * z + d - d * v + d * v.ln() {
            return d * v;
        }
    }
}
