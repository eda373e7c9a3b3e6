//! Bounds against exact rationals, and how often certificates are wrong.

use crate::certificate::binomial::{Count, P_ONE};
use crate::certificate::*;
use num_bigint::BigUint;
use proptest::prelude::*;

/// P[Bin(n, q / 2^40) >= k] * 2^(40 n), exactly.
fn exact_tail(n: u32, k: u32, q: u64) -> BigUint {
    let mut coefficient = (0..n - k).fold(BigUint::from(1u8), |c, i| c * (n - i) / (i + 1)); // C(n, k)
    let mut sum = BigUint::ZERO; // of C(n, j) q^(j-k) (2^40 - q)^(n-j)
    let mut power = BigUint::from(1u8);
    for j in k..=n {
        sum = sum * (P_ONE - q) + &coefficient * &power;
        coefficient = coefficient * (n - j) / (j + 1);
        power *= q;
    }
    sum * BigUint::from(q).pow(k)
}

/// Whether exact tails add up to at most alpha, the exact value of the float.
fn at_most(tails: &BigUint, n: u32, alpha: f64) -> bool {
    let bits = alpha.to_bits();
    let (mantissa, exponent) = ((bits & ((1 << 52) - 1)) | 1 << 52, (bits >> 52) as i32 - 1075);
    tails << exponent.unsigned_abs() <= BigUint::from(mantissa) << (40 * n)
}

#[test]
fn predict_is_the_exact_two_sided_test() {
    for alpha in [0.001, 0.05, 0.25] {
        let table = predict(80, alpha).unwrap();
        for m in 0..=80u32 {
            // P[Bin(m, 1/2) >= k], both sides: 2 * tail.
            let significant = |k: u32| at_most(&(exact_tail(m, k, P_ONE / 2) * 2u8), m, alpha);
            let least = (m / 2 + 1..=m).find(|&k| significant(k)).unwrap_or(81);
            assert_eq!(table.entries[m as usize], least, "alpha {alpha}, m {m}");
        }
    }
}

#[test]
fn two_stage_entries_hold_in_exact_arithmetic() {
    let (n, alpha) = (1000, 0.001);
    let units = alpha_units(alpha).unwrap();
    let table = two_stage(100, n, alpha, 0.25, 0).unwrap();
    for k in table.first..=n {
        let q = bound::clopper_pearson(&Count::new(n, k), alpha, units);
        assert!(at_most(&exact_tail(n, k, q), n, alpha), "{k} of {n}: p_low = {q} / 2^40");
    }
}

#[test]
fn entries_for_ten_thousand_votes_hold_in_exact_arithmetic() {
    let (n, alpha) = (10_000, 0.001);
    let units = alpha_units(alpha).unwrap();
    let naming = Count::new(n, half::least_significant(n, units).unwrap());
    for k in [9_000, 9_962, 9_999] {
        let q = bound::clopper_pearson(&Count::new(n, k), alpha, units);
        assert!(at_most(&exact_tail(n, k, q), n, alpha), "{k} of {n}: p_low = {q} / 2^40");
        assert!(!at_most(&exact_tail(n, k, q + 2), n, alpha), "{k} of {n}: {q} is too low");
    }
    // Near k*, where the other classes take their share of alpha.
    let k = naming.k + 20;
    let q = bound::single_stage(&Count::new(n, k), &naming, alpha, units);
    let errors = exact_tail(n, k, q) + exact_tail(n, naming.k, P_ONE - q);
    assert!(at_most(&errors, n, alpha), "{k} of {n}: single-stage p_low = {q} / 2^40");
}

#[test]
fn single_stage_entries_hold_in_exact_arithmetic() {
    let (n, alpha) = (1000, 0.001);
    let units = alpha_units(alpha).unwrap();
    let naming = Count::new(n, half::least_significant(n, units).unwrap());
    for k in naming.k..=n {
        let q = bound::single_stage(&Count::new(n, k), &naming, alpha, units);
        let errors = exact_tail(n, k, q) + exact_tail(n, naming.k, P_ONE - q);
        assert!(at_most(&errors, n, alpha), "{k} of {n}: p_low = {q} / 2^40");
    }
}

#[test]
fn bounds_are_the_best_on_their_grid() {
    for (n, alpha) in [(1, 0.05), (7, 0.001), (100, 0.001), (100, 0.05)] {
        for k in 1..=n {
            let q = bound::clopper_pearson(&Count::new(n, k), alpha, alpha_units(alpha).unwrap());
            assert!(at_most(&exact_tail(n, k, q), n, alpha), "{k} of {n}: {q} is too high");
            assert!(!at_most(&exact_tail(n, k, q + 2), n, alpha), "{k} of {n}: {q} is too low");
        }
    }
}

#[test]
fn single_stage_thresholds_and_union_error() {
    let alpha = 0.001;
    let units = alpha_units(alpha).unwrap();
    for (n, least) in [(32, 26), (100, 67), (200, 124)] {
        assert_eq!(half::least_significant(n, units), Some(least));
        assert_eq!(single_stage_lower_bound(least - 1, n, alpha).unwrap(), None);
        let naming = Count::new(n, least);
        let bounds: Vec<u64> =
            (least..=n).map(|k| bound::single_stage(&Count::new(n, k), &naming, alpha, units)).collect();
        let mut before = P_ONE / 2;
        let mut worst = 0.0f64;
        for (k, &q) in (least..).zip(&bounds) {
            assert!(q >= before, "n {n}: p_low falls at {k}");
            // Just below p_low(k), the wrong statements are "A with at least k votes" and "another class".
            for q in [before, (before + q) / 2, q] {
                let errors = exact_tail(n, k, q) + exact_tail(n, least, P_ONE - q);
                assert!(
                    at_most(&errors, n, alpha),
                    "n {n}, k {k}: union error above alpha at p = {q} / 2^40"
                );
            }
            let union = Count::new(n, k).tail(q) + naming.tail(P_ONE - q);
            worst = worst.max(union as f64 / 2f64.powi(100));
            before = q;
        }
        assert!(worst > 0.000_999 && worst <= alpha, "n {n}: worst union error {worst}");
        // Far above k* hardly anything is left for the other classes: Clopper-Pearson at the full level.
        let all = bound::clopper_pearson(&Count::unanimous(n), alpha, units);
        let last = *bounds.last().unwrap();
        assert!(last <= all && all - last < P_ONE >> 30, "n {n}: {last}, Clopper-Pearson {all}");
    }
}

#[test]
fn no_wrong_class_is_named_too_often() {
    // Case (ii) of the proof: at most two classes with probability 1/2 each.
    for n in [10, 32, 100, 200] {
        for alpha in [0.001, 0.05] {
            let units = alpha_units(alpha).unwrap();
            if let Some(least) = half::least_significant(n, units) {
                assert!(at_most(&(exact_tail(n, least, P_ONE / 2) * 2u8), n, alpha), "n {n}");
                assert!(!at_most(&(exact_tail(n, least - 1, P_ONE / 2) * 2u8), n, alpha), "n {n}");
            }
        }
    }
}

#[test]
fn coverage_of_both_certificates() {
    // p just under an edge of the table, where a wrong statement is most likely; 20 000 experiments each.
    let (n, alpha, trials) = (100u32, 0.05, 20_000u32);
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut uniform = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) & (P_ONE - 1)
    };
    for k in [60, 75, 90] {
        for single in [false, true] {
            let bound = |k| match single {
                false => Some(lower_bound(k, n, alpha).unwrap()),
                true => single_stage_lower_bound(k, n, alpha).unwrap(),
            };
            let bounds: Vec<Option<f64>> = (0..=n).map(bound).collect();
            let Some(p) = bounds[k as usize].map(|p| p - 1e-9) else { continue };
            let wrong = (0..trials).filter(|_| {
                let votes = (0..n).filter(|_| uniform() < (p * P_ONE as f64) as u64).count();
                let other = if single { bounds[n as usize - votes] } else { None };
                bounds[votes].is_some_and(|low| low > p) || other.is_some()
            });
            let rate = wrong.count() as f64 / f64::from(trials);
            assert!(rate <= alpha + 0.006, "k {k}, single-stage {single}: wrong with rate {rate}");
            assert!(rate >= 0.2 * alpha, "k {k}, single-stage {single}: wrong with rate {rate} only");
        }
    }
}

proptest! {
    #[test]
    fn tail_bounds_are_above_and_tight(n in 1u32..150, k in 0u32..150, q in 1..P_ONE) {
        let k = k % (n + 1);
        let found = Count::new(n, k).tail(q);
        let exact = exact_tail(n, k, q);
        let scaled = BigUint::from(found) << (40 * n);
        let exact_scaled = exact << 100usize;
        prop_assert!(scaled >= exact_scaled);
        if f64::from(k) > f64::from(n) * q as f64 / P_ONE as f64 + 1.0 {
            // One unit of 2^-100 and 2^-40 relative.
            let slack = (&exact_scaled >> 40usize) + (BigUint::from(2u8) << (40 * n));
            prop_assert!(scaled <= exact_scaled + slack);
        }
    }

    #[test]
    fn coefficients_agree_whichever_way_they_are_reached(n in 1u32..400) {
        let mut count = Count::unanimous(n);
        let q = P_ONE / 1000;
        while let Some(previous) = count.previous() {
            count = previous;
            if count.k > n / 100 + 2 {
                let (a, b) = (count.tail(q), Count::new(n, count.k).tail(q));
                prop_assert!(a.abs_diff(b) <= (a >> 45) + 1);
            }
        }
    }

    #[test]
    fn search_finds_the_edge_from_any_guess(edge in 0u64..10_000, guess: u64, high in 1u64..20_000) {
        let edge = edge % high;
        prop_assert_eq!(search::largest(0, high, guess % (2 * high), |value| value <= edge), edge);
    }

    #[test]
    fn bounds_grow_with_count_and_alpha(n in 10u32..2000, k in 1u32..2000) {
        let k = k % n + 1;
        let bound = |k, alpha| lower_bound(k, n, alpha).unwrap();
        prop_assert!(bound(k - 1, 0.001) < bound(k, 0.001));
        prop_assert!(bound(k, 0.001) < bound(k, 0.05));
        prop_assert!(bound(k, 0.05) < f64::from(k) / f64::from(n));
    }
}
