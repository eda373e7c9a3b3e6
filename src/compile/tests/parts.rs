//! Rules, ranges and the memory plan.

use proptest::prelude::*;
use ringfence_runtime::ops;
use ringfence_runtime::plan::Rescale as Rule;

use super::super::arena::{Lifetime, lower_bound, smallest};
use super::super::input::{input_scale, noisy_scale};
use super::super::options::TableSpec;
use super::super::range::{Extremes, Histogram};
use super::super::requant::{Requant, Rescale};
use crate::onnx::Affine;

fn lifetimes() -> impl Strategy<Value = Vec<Lifetime>> {
    prop::collection::vec((1usize..5000, 0usize..20, 0usize..6), 1..40).prop_map(|list| {
        list.into_iter()
            .map(|(bytes, first, length)| Lifetime { bytes, first, last: first + length })
            .collect()
    })
}

proptest! {
    #[test]
    fn activations_alive_together_are_disjoint(lifetimes in lifetimes()) {
        let plan = smallest(&lifetimes);
        prop_assert!(plan.bytes >= lower_bound(&lifetimes) && plan.bytes.is_multiple_of(64));
        for (i, a) in lifetimes.iter().enumerate() {
            let (start, end) = (plan.offsets[i], plan.offsets[i] + a.bytes);
            prop_assert!(start.is_multiple_of(64) && end <= plan.bytes);
            for (j, b) in lifetimes.iter().enumerate().skip(i + 1) {
                let together = (a.first..=a.last).any(|step| (b.first..=b.last).contains(&step));
                prop_assert!(!together || end <= plan.offsets[j] || plan.offsets[j] + b.bytes <= start);
            }
        }
    }

    /// The integers of the rule give the real product within 0.62 of a level, for results of usual size.
    #[test]
    fn requantisation_is_close_to_the_real_factor(exponent in -21.0..-4.0f64, result in -300.0..300.0f64) {
        let factor = exponent.exp2();
        let requant = Requant::choose(factor, 96.0, 512.0).unwrap();
        let acc = (result / factor).round();
        let got = ops::requant(acc as i32 + requant.rounding(), requant.pre, requant.mul);
        prop_assert!((f64::from(got) - acc * factor).abs() < 0.62, "{} {} {:?}", got, acc * factor, requant);
        prop_assert!((requant.factor() / factor - 1.0).abs() < 1e-3);
    }

    #[test]
    fn residuals_are_close_to_the_real_factor(factor in 0.0..127.9f64, u: u8, zero_point: u8) {
        let Rescale { shift, mul } = Rescale::choose(factor).unwrap();
        let got = f64::from(ops::rescale(u, Rule { zero_point, shift, mul }));
        let real = (f64::from(u) - f64::from(zero_point)) * factor;
        prop_assert!((got - real).abs() < 0.51 + 256.0 / 32768.0 * f64::from(1 << shift) , "{got} {real}");
    }

    /// Every noisy pixel within reach becomes the nearest level of its normalised value; beyond, the rule saturates.
    #[test]
    fn the_input_rule_rounds_to_the_nearest_level(mul in 0.5..6.0f64, add in -3.0..0.5f64, sigma in 0.05..1.0f64, m in -1000i16..1255, seven: bool) {
        let affine = Affine { mul: vec![mul, mul * 0.9], add: vec![add, add + 0.1] };
        let top = if seven { 127 } else { 255 };
        let input = input_scale(&affine, noisy_scale(&affine, sigma, top)).unwrap();
        for (c, (rule_mul, rule_add)) in input.rules.iter().enumerate() {
            let u = ((i64::from(m) * i64::from(*rule_mul) + i64::from(*rule_add)) >> 16).clamp(0, i64::from(top));
            let real = affine.mul[c] * f64::from(m) / 255.0 + affine.add[c];
            let level = (real / input.scale.scale + f64::from(input.scale.zero_point)).clamp(0.0, f64::from(top));
            prop_assert!((u as f64 - level).abs() < 0.52, "{u} {level}");
        }
    }
}

#[test]
fn factors_out_of_reach_are_refused() {
    assert_eq!(Requant::choose(0.5, 96.0, 512.0), None);
    assert_eq!(Requant::choose(2f64.powi(-60), 96.0, 512.0), None);
    assert_eq!(Rescale::choose(128.0), None);
    let negative = Affine { mul: vec![-1.0], add: vec![1.0] };
    let fail = |affine: &Affine| input_scale(affine, noisy_scale(affine, 0.25, 255)).unwrap_err().to_string();
    assert!(fail(&negative).contains("normalisation factor -1"));
    assert!(fail(&Affine::identity(5)).contains("channels 5, at most 4"));
}

#[test]
fn a_network_of_equal_maps_takes_three_of_them() {
    // image, then blocks: conv reads x writes y; conv reads y and x writes z.
    let lifetimes = [(0, 1), (1, 3), (2, 3), (3, 5), (4, 5), (5, 7), (6, 7), (7, 8)];
    let lifetimes = lifetimes.map(|(first, last)| Lifetime { bytes: 6400, first, last });
    assert_eq!(smallest(&lifetimes).bytes, 3 * 6400);
}

#[test]
fn ranges_clip_outliers_and_nothing_else() {
    let uniform: Vec<f32> = (0..100_000).map(|i| i as f32 / 1000.0 - 20.0).collect();
    let extremes = Extremes::of(&uniform);
    assert_eq!((extremes.min, extremes.max), (-20.0, 79.999));
    let (lo, hi) = Histogram::of(extremes, &uniform).best_range(255);
    assert!(lo < -19.0 && hi > 78.0, "{lo} {hi}");

    // Among 3 million values one lost outlier costs less than coarser levels for all.
    let mut spiked: Vec<f32> = (0..3_000_000).map(|i| i as f32 / 3e6).collect();
    spiked.push(5.0);
    let (lo, hi) = Histogram::of(Extremes::of(&spiked), &spiked).best_range(255);
    assert!(lo == 0.0 && (1.0..1.2).contains(&hi), "{lo} {hi}");
    // With half the levels rounding weighs more, and clipping pays even more.
    let coarse = Histogram::of(Extremes::of(&spiked), &spiked).best_range(127).1;
    assert!((1.0..=hi).contains(&coarse), "{coarse}");

    let nothing = Histogram::of(Extremes::default(), &[0.0; 9]);
    assert_eq!(nothing.best_range(255), (0.0, 0.0));
}

#[test]
fn tables_are_named_by_method_votes_and_level() {
    assert_eq!(
        "two-stage:100:1000:0.001".parse(),
        Ok(TableSpec::TwoStage { n0: 100, n: 1000, alpha: 0.001 })
    );
    assert_eq!("single-stage:32:0.01".parse(), Ok(TableSpec::SingleStage { n: 32, alpha: 0.01 }));
    assert_eq!("predict:100:0.001".parse(), Ok(TableSpec::Predict { n: 100, alpha: 0.001 }));
    assert_eq!(
        "sequential:0.25:1000:0.001".parse(),
        Ok(TableSpec::Sequential { radius: 0.25, n: 1000, alpha: 0.001 })
    );
    for wrong in [
        "",
        "two-stage:100:0.001",
        "sequential:z:100:0.001",
        "predict:x:0.001",
        "predict:10:y",
        "cohen:1:2:3",
    ] {
        let error = wrong.parse::<TableSpec>().unwrap_err();
        assert!(
            error.contains(
                wrong
                    .rsplit(':')
                    .find(|part| part.len() == 1 && !part.chars().all(char::is_numeric))
                    .unwrap_or(wrong)
            ),
            "{error}"
        );
    }
}
