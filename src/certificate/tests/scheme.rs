//! Entries computed one by one against tables, and for more votes than tables are made for.

use crate::certificate::*;
use ringfence_runtime::certificate::Lookup;
use statrs::distribution::{ContinuousCDF, Normal};

#[test]
fn entries_one_by_one_are_the_table() {
    for (n, alpha) in [(10, 0.05), (101, 0.001), (1000, 0.001), (1000, 0.25)] {
        let two = Scheme::two_stage(100, n, alpha, Smoothing::l2(0.25, 59_000_000)).unwrap();
        let single = Scheme::single_stage(n, alpha, Smoothing::l2(0.25, 59_000_000)).unwrap();
        for scheme in [two, single] {
            let table = scheme.table();
            let numbers = (scheme.method(), scheme.n0(), scheme.n(), scheme.alpha_bits());
            assert_eq!(numbers, (table.method, table.n0, table.n, table.alpha.to_bits()));
            for count in 0..n + 3 {
                let found = scheme.radius(count).map(|radius| radius.units());
                assert_eq!(found, table.radius(count), "{:?}, {count} of {n}", scheme.method());
            }
            assert!(!scheme.is_significant(n, n));
        }
    }
}

#[test]
fn votes_one_by_one_are_the_table_of_predict() {
    for alpha in [0.001, 0.05] {
        let (table, test) = (predict(90, alpha).unwrap(), Significance::new(90, alpha).unwrap());
        let bytes = table.entry_bytes();
        let view = table.view(&bytes).unwrap();
        for together in 0..95 {
            for count in 0..=together + 1 {
                // More votes for one class than for two are nobody's votes; no table is asked about them.
                let expected = count <= together && view.is_significant(count, together);
                assert_eq!(test.is_significant(count, together), expected, "{count} of {together}");
            }
        }
        assert_eq!((test.method(), test.n0(), test.n(), test.radius(90)), (Method::Predict, 0, 90, None));
    }
    let error = CertificateError::Nothing { n: 9, alpha: 0.001 };
    assert_eq!(Significance::new(9, 0.001).err(), Some(error));
}

#[test]
fn a_million_votes_have_radii_too() {
    let (n, alpha, sigma) = (1_000_000, 0.001, 1.0);
    let two = Scheme::two_stage(100, n, alpha, Smoothing::l2(sigma, 0)).unwrap();
    let single = Scheme::single_stage(n, alpha, Smoothing::l2(sigma, 0)).unwrap();
    let normal = Normal::standard();
    for (count, p_hat) in [(600_000, 0.6), (950_000, 0.95)] {
        // Wilson's bound, about 1/n from Clopper and Pearson's.
        let (z, n) = (3.090_232, f64::from(n));
        let root = (p_hat * (1.0 - p_hat) / n + z * z / (4.0 * n * n)).sqrt();
        let low = (p_hat + z * z / (2.0 * n) - z * root) / (1.0 + z * z / n);
        let expected = normal.inverse_cdf(low);
        for scheme in [&two, &single] {
            let found = f64::from(scheme.radius(count).unwrap().units()) / 2f64.powi(20);
            assert!((found - expected).abs() < 5e-5, "{count}: {found}, expected {expected}");
        }
    }
    // k* is 501 646; with the other classes' share of alpha just above it there is less left for p_low.
    assert_eq!((single.radius(501_645), two.radius(500_000)), (None, None));
    assert!(two.radius(501_700) > single.radius(501_700));
    assert!(Significance::new(n, alpha).unwrap().is_significant(501_646, n));
}
