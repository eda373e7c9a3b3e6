//! Both steps of noise: what they tell, and the distribution of their mix.

use num_bigint::BigUint;
use ringfence_runtime::noise::{Generator, Noise, Normal, Purpose};
use ringfence_runtime::smooth::Image;
use ringfence_runtime::smooth::adaptive::{Mixture, Recipe};

use super::super::Steps;
use super::{SEED, SIGMA};
use crate::data::Shape;
use crate::noise::dyadic::Dyadic;

fn ratio(value: f64) -> (BigUint, BigUint) {
    let big = |value: dashu::integer::UBig| BigUint::from_bytes_le(&value.to_le_bytes());
    let (n, d) = Dyadic::from_f64(value).ratio();
    (big(n), big(d))
}

/// `mu^2 = d r^2 / sigma1^2 + C r^2 |w|^2 / sigma2^2 <= d r^2 / sigma^2` in exact rationals, for masks of every kind: what
/// both steps tell together is no more than plain noise of deviation sigma would.
#[test]
fn both_steps_together_tell_no_more_than_plain_noise() {
    for (sigma, split, side) in
        [(0.25, 0.5, 8), (0.5, 0.3, 16), (0.12, 0.75, 5), (1.0, 0.5, 32), (0.01, 0.99, 3)]
    {
        let shape = Shape { channels: 3, height: side, width: side };
        let steps = Steps::new(sigma, split, shape).unwrap();
        let (adaptive, pixels) = (steps.view([0; 32]), side * side);
        let (sigma_n, sigma_d) = ratio(sigma);
        let (first_n, first_d) = ratio(steps.first.sigma);
        // On the grid of the second step, rounded up.
        assert!(BigUint::from(adaptive.first) * &first_d >= &first_n * 65_025u32);
        let pixels_255 = 255 * 255 * pixels as u64;
        let random = |i: u64| (i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) % (pixels_255 + 1);
        let extremes = [0, 1, 255 * 255, pixels as u64, pixels_255 - 1, pixels_255];
        for squares in extremes.into_iter().chain((0..300).map(random)) {
            let least = adaptive.deviation(squares);
            for second in [least, least + 1, least + 1000] {
                // Over d r^2: 1/sigma1^2 + 255^2 squares / (pixels second^2) <= 1/sigma^2, for |w|^2 = squares / 255^2 and
                // sigma2 = second / 255^2; times all that is below a line.
                let scale = BigUint::from(pixels) * u64::from(second).pow(2);
                let left = (&first_d * &sigma_n).pow(2) * &scale
                    + BigUint::from(squares) * 65_025u32 * (&first_n * &sigma_n).pow(2);
                let right = (&sigma_d * &first_n).pow(2) * scale;
                assert!(left <= right, "sigma {sigma}, split {split}, squares {squares}, deviation {second}");
            }
            // No larger than it has to be: one less would tell too much, but for the rounding of constants.
            if least > 2 {
                let less = u64::from(least - 2).pow(2);
                let (split_n, split_d) = ratio(split);
                let left = BigUint::from(squares) * 65_025u32 * sigma_n.pow(2) * &split_d;
                let right = BigUint::from(less) * pixels * (&split_d - &split_n) * sigma_d.pow(2);
                assert!(right < left, "squares {squares}: {least} is more than needed");
            }
        }
    }
}

/// Under a mask of ones both steps come to plain smoothing: same mean, deviation and distribution.
#[test]
fn a_mask_of_ones_is_plain_smoothing() {
    let steps = Steps::new(SIGMA, 0.5, Shape { channels: 3, height: 32, width: 32 }).unwrap();
    let adaptive = steps.view([0; 32]);
    let entries = steps.first.entry_bytes();
    let mask = vec![255; 1024];
    let mixture = Mixture::new(adaptive.first, adaptive.deviation(255 * 255 * 1024));
    let (grey, mut values) = (vec![128; 3072], Vec::new());
    let image = Image::chw(&grey, 3, 32, 32).unwrap();
    for sample in 0..100 {
        let recipe = Recipe {
            image: &image,
            mask: &mask,
            first: Noise::new(steps.first.view(&entries), &SEED, Purpose::Vote, sample),
            second: Normal::new(adaptive.quantiles, Generator::Xoshiro, &SEED, Purpose::Vote, sample),
            mixture: &mixture,
        };
        recipe.each_piece(|piece| values.extend_from_slice(piece.mixed));
    }
    // Chi-square against the table of plain noise, over cells of at least 50 draws.
    let plain = crate::noise::generate(SIGMA, 3072).unwrap();
    let masses = plain.masses();
    let mut counts = vec![0u32; masses.len()];
    for value in &values {
        counts[(i32::from(*value) - 128 - plain.min_value) as usize] += 1;
    }
    let (mut cells, mut chi_square) = (0u32, 0.0);
    for (count, units) in counts.iter().zip(&masses) {
        let expected = *units as f64 / 2f64.powi(64) * values.len() as f64;
        if expected >= 50.0 {
            cells += 1;
            chi_square += (f64::from(*count) - expected).powi(2) / expected;
        }
    }
    let deviation = (chi_square - f64::from(cells - 1)) / f64::from(2 * (cells - 1)).sqrt();
    assert!(cells > 250 && deviation.abs() < 4.0, "{cells} cells, chi-square {chi_square}");
}

/// Mean and variance of the mix for other masks: unbiased, and 1/var = 1/sigma1^2 + w^2/sigma2^2.
#[test]
fn mixes_are_unbiased_and_of_least_variance() {
    let steps = Steps::new(SIGMA, 0.5, Shape { channels: 1, height: 64, width: 64 }).unwrap();
    let (adaptive, entries) = (steps.view([0; 32]), steps.first.entry_bytes());
    let levels = [0u8, 3, 40, 255];
    let mask: Vec<u8> = (0..4096).map(|i| levels[i % 4]).collect();
    let squares = mask.iter().map(|w| u64::from(*w).pow(2)).sum();
    let second = adaptive.deviation(squares);
    let mixture = Mixture::new(adaptive.first, second);
    let pixels: Vec<u8> = (0..4096).map(|i| (i / 4 % 256) as u8).collect();
    let image = Image::chw(&pixels, 1, 64, 64).unwrap();
    let mut sums = [[0.0f64; 2]; 4];
    for sample in 0..40 {
        let recipe = Recipe {
            image: &image,
            mask: &mask,
            first: Noise::new(steps.first.view(&entries), &SEED, Purpose::Vote, sample),
            second: Normal::new(adaptive.quantiles, Generator::Xoshiro, &SEED, Purpose::Vote, sample),
            mixture: &mixture,
        };
        recipe.each_piece(|piece| {
            for (i, value) in piece.mixed.iter().enumerate() {
                let error = f64::from(*value) - f64::from(pixels[piece.place[1] * 64 + piece.place[2] + i]);
                let sums = &mut sums[(piece.place[2] + i) % 4];
                (sums[0], sums[1]) = (sums[0] + error, sums[1] + error * error);
            }
        });
    }
    for (w, [sum, square]) in levels.into_iter().zip(sums) {
        let n = 40.0 * 1024.0;
        let first = 255.0 * steps.first.sigma;
        let precision = first.powi(-2) + (f64::from(w) / f64::from(second)).powi(2);
        // Rounding adds a twelfth.
        let variance = 1.0 / precision + 1.0 / 12.0;
        assert!((sum / n).abs() < 4.5 * (variance / n).sqrt(), "w {w}: mean {}", sum / n);
        assert!(
            (square / n / variance - 1.0).abs() < 4.5 * (2.0 / n).sqrt(),
            "w {w}: {} {variance}",
            square / n
        );
    }
}
