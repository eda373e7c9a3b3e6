//! Tables: their shape, what they agree in, what is refused.

use super::super::{needed, sequential, target_units};
use crate::certificate::smoothing::Smoothing;
use crate::certificate::table::RadiusRule;
use crate::certificate::{CertificateError, Method, predict, section, two_stage};
use ringfence_runtime::certificate::{Lookup, Radius};

const SIGMA: f64 = 0.25;
const ALPHA: f64 = 0.001;
/// About 3e-12.
const CHARGE: u64 = 60_000_000;

#[test]
fn the_least_probability_needed_is_found() {
    for charge in [0, CHARGE, 1 << 30] {
        let rule = RadiusRule::new(Smoothing::l2(SIGMA, charge)).unwrap();
        for target in [1e-6, 0.01, 0.1, 0.25, 0.5, 1.0, 1.5] {
            let units = target_units(target).unwrap();
            let p = needed(units, &rule).unwrap();
            assert!(rule.radius(p).unwrap() >= units, "target {target}");
            assert!(rule.radius(p - 1).is_none_or(|radius| radius < units), "target {target}");
        }
        assert_eq!(needed(target_units(2.0).unwrap(), &rule), None);
    }
    let rule = |charge| RadiusRule::new(Smoothing::l2(SIGMA, charge)).unwrap();
    let charged = needed(target_units(0.25).unwrap(), &rule(1 << 44)).unwrap();
    assert!(charged > needed(target_units(0.25).unwrap(), &rule(0)).unwrap());
}

#[test]
fn targets_are_rounded_up() {
    assert_eq!(target_units(0.25), Some(1 << 18));
    assert_eq!(target_units(0.1), Some(104_858));
    assert_eq!(target_units(1e-300), Some(1));
    for wrong in [0.0, -0.25, f64::NAN, f64::INFINITY, 4096.0] {
        assert_eq!(target_units(wrong), None);
    }
}

#[test]
fn more_budget_changes_no_earlier_checkpoint() {
    for target in [0.05, 0.25, 0.5] {
        let largest = sequential(target, 10_000, ALPHA, SIGMA, CHARGE).unwrap();
        let last = largest.entries[largest.entries.len() - 3..].to_vec();
        assert_eq!(last[0], 10_000);
        for budget in [600, 999, 1000, 1234, 4000] {
            let smaller = sequential(target, budget, ALPHA, SIGMA, CHARGE).unwrap();
            assert!(largest.entries.starts_with(&smaller.entries), "target {target}, budget {budget}");
            assert!(smaller.entries[smaller.entries.len() - 3] <= budget);
            assert_eq!(
                (smaller.method, smaller.n, smaller.first),
                (Method::Sequential, budget, largest.first)
            );
        }
    }
}

#[test]
fn the_runtime_reads_the_tables() {
    let tables = [
        sequential(0.25, 500, ALPHA, SIGMA, CHARGE).unwrap(),
        two_stage(10, 100, ALPHA, SIGMA, CHARGE).unwrap(),
    ];
    let bytes = tables[0].entry_bytes();
    let view = tables[0].view(&bytes).unwrap();
    assert_eq!(view.target(), Some(Radius(1 << 18)));
    assert_eq!((view.most_votes(), view.n(), view.n0()), (500, 500, 0));
    let read: Vec<u32> = view.checkpoints().flat_map(|at| [at.votes, at.accept, at.reject]).collect();
    assert_eq!(read, tables[0].entries);
    assert!(view.checkpoints().all(|at| at.accept <= at.votes || at.reject > 0));
    assert_eq!((tables[0].radius(500), view.radius(500), view.entry(500)), (None, None, None));
    assert_eq!(section(&tables)[8], 4);
}

#[test]
fn a_table_is_looked_up_as_the_runtime_looks_it_up() {
    let tables = [
        sequential(0.25, 500, ALPHA, SIGMA, CHARGE).unwrap(),
        two_stage(10, 100, ALPHA, SIGMA, CHARGE).unwrap(),
        predict(100, ALPHA).unwrap(),
    ];
    for table in &tables {
        let bytes = table.entry_bytes();
        let pair: [&dyn Lookup; 2] = [table, &table.view(&bytes).unwrap()];
        let numbers = pair.map(|t| (t.method(), t.n0(), t.n(), t.alpha_bits(), t.target(), t.most_votes()));
        assert_eq!(numbers[0], numbers[1]);
        for count in 0..=101 {
            let entries = pair.map(|t| (t.radius(count), t.checkpoint(count as usize)));
            assert_eq!(entries[0], entries[1], "{:?}, {count}", table.method);
            let together = [50, 100, 101, 600].map(|all| pair.map(|t| t.is_significant(count, all)));
            assert!(together.iter().all(|[ours, theirs]| ours == theirs), "{:?}, {count}", table.method);
        }
    }
    assert_eq!(tables.map(|table| table.checkpoint(0).is_some()), [true, false, false]);
}

/// Fewer votes than n that are certain cost power at n, but not much of it.
#[test]
fn the_last_checkpoint_is_not_far_from_a_fixed_number_of_votes() {
    for (target, n) in [(0.1, 1000), (0.25, 1000), (0.5, 1000), (0.25, 10_000)] {
        let sequential = sequential(target, n, ALPHA, SIGMA, 0).unwrap();
        let fixed = two_stage(1, n, ALPHA, SIGMA, 0).unwrap();
        let accept = sequential.entries[sequential.entries.len() - 2];
        let units = target_units(target).unwrap();
        let least = (fixed.first..=n).find(|&count| fixed.radius(count).unwrap() >= units).unwrap();
        // One and a half standard deviations of the count, sqrt(n p (1-p)), at most.
        let p = f64::from(least) / f64::from(n);
        let deviation = (f64::from(n) * p * (1.0 - p)).sqrt();
        assert!(accept >= least, "target {target}, n {n}: {accept} of {least}");
        assert!(
            f64::from(accept - least) <= 1.5 * deviation,
            "target {target}, n {n}: {accept}, fixed {least}"
        );
    }
}

#[test]
fn what_cannot_be_proved_is_refused_with_what_can() {
    for (budget, alpha) in [(20, 0.001), (100, 0.05), (1000, 0.001), (10_000, 0.001), (1000, 1e-9)] {
        let Err(CertificateError::Unreachable { reach: Radius(reach), .. }) =
            sequential(1.6, budget, alpha, SIGMA, CHARGE)
        else {
            panic!("{budget} votes prove a radius of 1.6");
        };
        let pixels = f64::from(reach) / f64::from(Radius::ONE);
        let fixed = two_stage(1, budget, alpha, SIGMA, CHARGE).unwrap().radius(budget).unwrap();
        assert!(reach < fixed && f64::from(reach) > 0.5 * f64::from(fixed), "{reach} of {fixed}");
        // The radius as it is printed can be had, one that is a little larger cannot.
        let printed: f64 = Radius(reach).to_string().parse().unwrap();
        assert!(sequential(printed, budget, alpha, SIGMA, CHARGE).is_ok(), "budget {budget}: {printed}");
        let more = sequential(pixels * 1.001, budget, alpha, SIGMA, CHARGE);
        assert!(matches!(more, Err(CertificateError::Unreachable { .. })), "budget {budget}: {more:?}");
    }
    let error = sequential(0.7, 1000, ALPHA, SIGMA, 0).unwrap_err().to_string();
    assert!(error.starts_with("radius 0.7 cannot be proved with 1000 votes at alpha 0.001: "), "{error}");
    assert_eq!(sequential(0.1, 5, ALPHA, SIGMA, 0), Err(CertificateError::Nothing { n: 5, alpha: ALPHA }));
}

#[test]
fn numbers_out_of_range_are_named() {
    let error =
        |target, budget, alpha, sigma| sequential(target, budget, alpha, sigma, 0).unwrap_err().to_string();
    for target in [0.0, -0.25, f64::NAN, f64::INFINITY, 1e9] {
        let text = error(target, 1000, ALPHA, SIGMA);
        assert_eq!(text, format!("target radius {target}: expected pixels, above 0 and below 4096"));
    }
    assert!(error(0.25, 0, ALPHA, SIGMA).starts_with("budget = 0 votes"));
    assert!(error(0.25, (1 << 20) + 1, ALPHA, SIGMA).starts_with("budget = 1048577 votes"));
    assert!(error(0.25, 1000, 0.3, SIGMA).starts_with("alpha 0.3"));
    assert!(error(0.25, 1000, ALPHA, 5.0).starts_with("sigma 5"));
}
