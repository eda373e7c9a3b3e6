//! How often certificates are wrong, on synthetic classifiers whose class probabilities are known.
//!
//! Votes are drawn from the probabilities and go through the real tables and the runtime's own conclusions. A statement
//! counts as wrong unless it follows from the true probabilities: another class than the most likely one, or a radius
//! above sigma * PhiInv(p) of its true probability p, at which a half space of that probability does change its class.
//!
//! The normal run draws [`FEW`] certificates a case, the ignored one a million:
//!
//! ```text
//! cargo test --release --test coverage -- --ignored --nocapture
//! ```

#![allow(clippy::unwrap_used, clippy::panic)]

mod classifier;
mod method;

use classifier::{Classifier, cases};
use method::{Tested, methods, raised};
use statrs::distribution::{Binomial, DiscreteCDF};

/// Certificates a case in the normal run.
const FEW: u64 = 20_000;

/// Certificates a case in the ignored run.
const MANY: u64 = 1_000_000;

/// Probability with which a case of a sound method is called unsound.
const LEVEL: f64 = 1e-6;

/// P[Bin(trials, alpha) >= wrong]: how surprising so many wrong statements are if alpha holds.
fn surprise(wrong: u64, trials: u64, alpha: f64) -> f64 {
    wrong.checked_sub(1).map_or(1.0, |below| Binomial::new(alpha, trials).unwrap().sf(below))
}

/// Draws `trials` certificates of every case and returns the least surprise; prints a line a case.
fn check(tested: &Tested, trials: u64) -> f64 {
    let mut least: f64 = 1.0;
    for (index, case) in cases(tested).iter().enumerate() {
        let wrong = case.classifier.wrong(tested, trials, index as u64);
        let surprise = surprise(wrong, trials, tested.alpha);
        let rate = wrong as f64 / trials as f64;
        println!(
            "{:<27} {:<36} wrong {wrong:>6} of {trials}, rate {rate:.6}, alpha {}, P = {surprise:.3}",
            tested.name, case.name, tested.alpha
        );
        // On an edge the statements are wrong nearly as often as they may be: the test has teeth there.
        assert!(!case.edge || rate >= 0.5 * tested.alpha, "{}, {}: rate {rate}", tested.name, case.name);
        least = least.min(surprise);
    }
    least
}

fn check_all(trials: u64) {
    for tested in methods() {
        let surprise = check(&tested, trials);
        assert!(surprise >= LEVEL, "{}: wrong too often, P = {surprise:e}", tested.name);
    }
}

/// The same check on tables that give each count the radius of the next must reject every one of them.
fn check_raised(trials: u64, alpha: f64) {
    let sound = methods().into_iter().filter(|tested| tested.alpha == alpha);
    let unsound: Vec<Tested> = sound.filter_map(raised).collect();
    assert!(!unsound.is_empty());
    for tested in unsound {
        let surprise = check(&tested, trials);
        assert!(surprise < LEVEL, "{}: not caught, P = {surprise:e}", tested.name);
    }
}

#[test]
fn statements_are_wrong_no_more_often_than_alpha() {
    check_all(FEW);
}

#[test]
fn tables_raised_by_one_count_are_caught() {
    check_raised(FEW, 0.05);
}

#[test]
#[ignore = "minutes"]
fn a_million_certificates_a_case() {
    check_all(MANY);
    check_raised(MANY, 0.05);
    check_raised(MANY, 0.001);
}

#[test]
fn a_sure_error_and_an_exact_alpha_are_judged_as_they_are() {
    assert!(surprise(FEW, FEW, 0.05) < 1e-300);
    assert_eq!(surprise(0, FEW, 0.05), 1.0);
    assert!((surprise(1000, FEW, 0.05) - 0.5).abs() < 0.02);
    assert!(surprise(1000 + 6 * 31, FEW, 0.05) < 1e-8);
    let coin = Classifier::new(&[0.5, 0.5]);
    assert_eq!(coin.top(), None);
    assert_eq!(Classifier::new(&[0.2, 0.5, 0.3]).top(), Some((1, 0.5)));
}
