//! Certificates against closed forms, published values and simulation.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::random::{Normals, Stream, stream};
use statrs::distribution::{Continuous, ContinuousCDF, Normal};

fn random(index: u32) -> Normals {
    Normals::new(stream(2, Stream::Evaluation { index }))
}

/// One and three degrees are differences of normal probabilities and densities.
#[test]
fn the_distribution_has_its_closed_forms() {
    let normal = Normal::standard();
    for offset in [0.25, 1.0, 9.0, 400.0, 1e4] {
        let centre = f64::sqrt(offset);
        for x in [0.1, 1.0, 3.0, 10.0, 250.0, 400.0, 9800.0, 1.02e4] {
            let root = f64::sqrt(x);
            let one = normal.cdf(root - centre) - normal.cdf(-root - centre);
            let found = noncentral_chi_squared(x, 1.0, offset);
            assert!((found - one).abs() < 1e-9, "1, {offset}, {x}: {found} {one}");
            let three = one + (normal.pdf(root + centre) - normal.pdf(root - centre)) / centre;
            let found = noncentral_chi_squared(x, 3.0, offset);
            assert!((found - three).abs() < 1e-9, "3, {offset}, {x}: {found} {three}");
        }
    }
}

/// Ding's values (1992, Applied Statistics 41, algorithm AS 275) and quantiles of the central distribution.
#[test]
fn the_distribution_has_its_published_values() {
    for (x, degrees, offset, expected) in [
        (9.23636, 5.0, 1.0, 0.827_291_9),
        (24.72497, 11.0, 21.0, 0.253_948_2),
        (44.98534, 31.0, 6.0, 0.812_519_9),
        (331.788_52, 300.0, 16.0, 0.735_595_7),
        (459.926_12, 500.0, 21.0, 0.027_970_2),
        (18.307_038, 10.0, 0.0, 0.95),
        (124.342_113, 100.0, 0.0, 0.95),
    ] {
        let found = noncentral_chi_squared(x, degrees, offset);
        assert!((found - expected).abs() < 2e-7, "{x}, {degrees}, {offset}: {found}");
    }
}

/// With thousands of degrees it is almost normal; skewness is below 0.02.
#[test]
fn the_distribution_of_a_picture_is_almost_normal() {
    let normal = Normal::standard();
    for (degrees, offset) in [(12_288.0, 1e4), (3072.0, 2.5e5), (150_528.0, 0.0)] {
        let deviation = f64::sqrt(2.0 * (degrees + 2.0 * offset));
        for z in [-3.0, -1.0, 0.0, 0.5, 2.5] {
            let found = noncentral_chi_squared(degrees + offset + z * deviation, degrees, offset);
            assert!((found - normal.cdf(z)).abs() < 5e-3, "{degrees}, {offset}, {z}: {found}");
        }
    }
}

#[test]
fn without_a_rate_the_radius_is_cohens() {
    let normal = Normal::standard();
    for (sigma, p) in [(0.25, 0.6), (0.5, 0.99), (1.0, 0.999)] {
        let radius = Varying { sigma, rate: 0.0, values: 3072 }.radius(p);
        assert!((radius / (sigma * normal.inverse_cdf(p)) - 1.0).abs() < 1e-4, "{radius}");
    }
    assert_eq!(Varying { sigma: 0.5, rate: 0.1, values: 3072 }.radius(0.5), 0.0);
}

/// The worst set by the likelihood ratio of simulated points.
#[test]
fn the_worst_set_is_that_of_neyman_and_pearson() {
    const COUNT: usize = 400_000;
    for (here, there, away, p) in [(1.0, 0.8, 0.4, 0.8), (0.7, 0.9, 0.3, 0.9), (0.5, 0.49, 0.2, 0.7)] {
        let mut random = random(1);
        let ratio = |_| {
            let x: [f64; 4] = std::array::from_fn(|_| here * f64::from(random.draw()));
            let square: f64 = x.iter().map(|v| v * v).sum();
            let moved = square - x[0] * x[0] + (x[0] - away).powi(2);
            (here / there).powi(4) * (0.5 * square / (here * here) - 0.5 * moved / (there * there)).exp()
        };
        let mut ratios: Vec<f64> = (0..COUNT).map(ratio).collect();
        ratios.sort_by(f64::total_cmp);
        let simulated = ratios[..(p * COUNT as f64) as usize].iter().sum::<f64>() / COUNT as f64;
        let found = Varying { sigma: here, rate: 0.1, values: 4 }.worst(p, away, there);
        assert!((found - simulated).abs() < 4e-3, "{here}, {there}: {found}, simulated {simulated}");
    }
}

#[test]
fn a_rate_costs_radius_and_more_values_cost_more() {
    let radius = |rate, values| Varying { sigma: 0.5, rate, values }.radius(0.99);
    let plain = radius(0.0, 3072);
    let some = [radius(0.005, 3072), radius(0.02, 3072), radius(0.02, 12_288)];
    assert!(plain > some[0] && some[0] > some[1] && some[1] > some[2] && some[2] > 0.0, "{plain} {some:?}");
}

#[test]
fn normal_noise_has_cohens_radius() {
    let normal = Normal::standard();
    for (sigma, values) in [(0.5, 12_288), (0.25, 3072), (1.0, 100)] {
        for p in [0.55, 0.9, 0.999] {
            let radius = Generalised::of_deviation(sigma, 2.0).radius(p, values).unwrap();
            let expected = sigma * normal.inverse_cdf(p) / (values as f64).sqrt();
            assert!((radius / expected - 1.0).abs() < 1e-5, "{sigma}, {values}, {p}: {radius} {expected}");
        }
    }
}

/// The probability that a shift needs, by simulating the likelihood ratio of 40 values.
#[test]
fn other_shapes_agree_with_simulation() {
    const COUNT: usize = 60_000;
    for beta in [1.5, 2.25, 4.0] {
        let (noise, radius, values) = (Generalised::of_deviation(0.5, beta), 0.1, 40);
        let mut random = random(2);
        let loss = |_| {
            let one = |_| {
                let x = f64::from(noise.draw(&mut random));
                let [here, there] = [x, x - radius].map(|x| (x.abs() / noise.scale).powf(beta));
                here - there
            };
            (0..values).map(one).sum::<f64>()
        };
        let mut losses: Vec<f64> = (0..COUNT).map(loss).collect();
        losses.sort_by(f64::total_cmp);
        let median = losses[COUNT / 2];
        let simulated = losses.iter().filter(|s| **s <= -median).count() as f64 / COUNT as f64;
        let found = noise.needed(radius, values).unwrap();
        assert!((found - simulated).abs() < 8e-3, "{beta}: {found}, simulated {simulated}");
    }
}

#[test]
fn noise_has_the_asked_deviation_and_shape() {
    for beta in [1.0, 2.25, 6.0] {
        let (noise, mut random) = (Generalised::of_deviation(0.5, beta), random(3));
        let draws: Vec<f64> = (0..200_000).map(|_| f64::from(noise.draw(&mut random))).collect();
        let n = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / n;
        let deviation = (draws.iter().map(|x| x * x).sum::<f64>() / n).sqrt();
        assert!(
            mean.abs() < 5.0 * 0.5 / n.sqrt() && (deviation / 0.5 - 1.0).abs() < 0.01,
            "{mean} {deviation}"
        );
        // E |x / s|^beta = 1 / beta.
        let power = draws.iter().map(|x| (x.abs() / noise.scale).powf(beta)).sum::<f64>() / n;
        assert!((power * beta - 1.0).abs() < 0.02, "{beta}: {power}");
    }
}

/// One value under Laplace's noise is far from a normal sum.
#[test]
fn too_few_values_are_not_certified() {
    assert_eq!(Generalised::of_deviation(0.5, 1.0).radius(0.9, 1), None);
}

#[test]
fn the_deviation_grows_with_the_distance_from_the_training_images() {
    // Ten images of two values around (100, 100), one far away.
    let points: Vec<u8> = (0..10u8).flat_map(|i| [100 + i, 100]).chain([250, 250]).collect();
    let near = Neighbours::new(points, 2, 2, (0.5, 0.3));
    let [inside, outside, far] = [[104, 100], [120, 100], [200, 220]].map(|image| near.sigma(&image));
    assert!(inside < outside && outside < far, "{inside} {outside} {far}");
    // The nearest two of (120, 100) are 11 and 12 steps away.
    let ratio = (outside / inside).ln() / 0.3;
    assert!((ratio - (11.5 - 0.5) / 255.0).abs() < 1e-12, "{ratio}");
}
