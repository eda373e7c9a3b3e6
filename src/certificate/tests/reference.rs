//! Tables against published numbers, their shape and their bytes.

use crate::certificate::binomial::Count;
use crate::certificate::table::RadiusRule;
use crate::certificate::*;
use statrs::distribution::{ContinuousCDF, Normal};

/// One radius unit per 2^-20 sigma: sigma 1, perfect sampler.
fn unit_radius(count: u32, n: u32, alpha: f64) -> Option<f64> {
    let q = bound::clopper_pearson(&Count::new(n, count), alpha, alpha_units(alpha).unwrap());
    RadiusRule::new(Smoothing::l2(1.0, 0)).unwrap().radius(q).map(|units| f64::from(units) / 2f64.powi(20))
}

#[test]
fn largest_radii() {
    let by_n = [16, 32, 64, 100, 128, 256, 512, 1000, 10_000, 50_000, 100_000, 1_000_000];
    let expected = [
        (0.001, [0.384, 0.863, 1.268, 1.500, 1.621, 1.933, 2.214, 2.463, 3.199, 3.637, 3.811, 4.347]),
        (0.05, [0.951, 1.345, 1.688, 1.888, 1.993, 2.269, 2.522, 2.749, 3.432, 3.846, 4.013, 4.527]),
    ];
    for (alpha, radii) in expected {
        for (n, radius) in by_n.into_iter().zip(radii) {
            let found = unit_radius(n, n, alpha).unwrap();
            assert!(
                (found - radius).abs() <= 0.000_5 + 1e-6,
                "alpha {alpha}, n {n}: {found}, expected {radius}"
            );
        }
    }
}

#[test]
fn smallest_counts_for_a_radius() {
    let radii = [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5];
    let expected: [(f64, u32, &[u32]); 10] = [
        (0.001, 100, &[66, 76, 84, 90, 95, 100]),
        (0.001, 1000, &[550, 647, 737, 814, 877, 957, 991]),
        (0.001, 10_000, &[5156, 6139, 7058, 7863, 8526, 9409, 9818, 9962, 9997]),
        (0.001, 50_000, &[25346, 30275, 34893, 38958, 42320, 46832, 48965, 49743, 49957, 49998]),
        (0.001, 100_000, &[50490, 60350, 69598, 77747, 84492, 93563, 97870, 99455, 99900, 99991]),
        (0.05, 100, &[59, 69, 78, 85, 91, 98]),
        (0.05, 1000, &[527, 625, 716, 796, 861, 947, 986, 999]),
        (0.05, 10_000, &[5083, 6069, 6991, 7803, 8474, 9374, 9798, 9952, 9993]),
        (0.05, 50_000, &[25185, 30117, 34744, 38823, 42202, 46752, 48918, 49719, 49947, 49995]),
        (0.05, 1, &[]),
    ];
    for (alpha, n, counts) in expected {
        let certifies =
            |count: u32, radius: f64| unit_radius(count, n, alpha).is_some_and(|found| found >= radius);
        for (&count, radius) in counts.iter().zip(radii) {
            assert!(certifies(count, radius), "alpha {alpha}: {count} of {n} certify {radius}");
            assert!(!certifies(count - 1, radius), "alpha {alpha}: {} of {n} certify {radius}", count - 1);
        }
        for &radius in radii.iter().skip(counts.len()) {
            assert!(!certifies(n, radius), "alpha {alpha}: {n} of {n} certify {radius}");
        }
    }
}

#[test]
fn a_hundred_of_a_hundred_reach_a_radius_of_one_and_a_half() {
    // .001^(1/100) = .93325 > Phi(1.5) = .93319: close to the edge.
    let p = lower_bound(100, 100, 0.001).unwrap();
    assert!((p - 0.933_254_300_796_991).abs() < 1e-11, "{p}");
    let radius = unit_radius(100, 100, 0.001).unwrap();
    assert!((1.5..1.501).contains(&radius), "{radius}");
    assert_eq!(
        two_stage(100, 100, 0.001, 1.0, 0).unwrap().radius(100),
        Some((radius * 2f64.powi(20)) as u32)
    );
}

#[test]
fn predict_thresholds() {
    let n = [10, 16, 20, 32, 50, 64, 100, 200, 512, 1000];
    let expected = [
        (0.001, [1001, 15, 18, 26, 37, 46, 67, 124, 294, 553]),
        (0.05, [9, 13, 15, 23, 33, 41, 61, 115, 279, 532]),
    ];
    for (alpha, counts) in expected {
        let table = predict(1000, alpha).unwrap();
        assert_eq!(table.entries.len(), 1001);
        for (n, count) in n.into_iter().zip(counts) {
            assert_eq!(table.entries[n], count, "alpha {alpha}, n {n}");
        }
    }
}

#[test]
fn tables_are_monotone_and_scale_with_sigma() {
    for (n, alpha) in [(10, 0.05), (32, 0.001), (100, 0.001), (1000, 0.001), (1000, 0.05)] {
        let charge = 60_000_000; // about 3e-12
        let two = two_stage(100, n, alpha, 0.25, charge).unwrap();
        let single = single_stage(n, alpha, 0.25, charge).unwrap();
        for table in [&two, &single] {
            assert_eq!(table.entries.len() as u32, n + 1 - table.first);
            assert!(table.entries.is_sorted());
            assert!(2 * table.first > n);
            assert_eq!(table.radius(table.first - 1), None);
            assert_eq!(table.radius(n), table.entries.last().copied());
            assert!(table.view(&table.entry_bytes()).is_ok());
        }
        for k in single.first..=n {
            assert!(single.radius(k) <= two.radius(k), "n {n}: single-stage radius above two-stage at {k}");
        }
        let quadruple = two_stage(100, n, alpha, 1.0, charge).unwrap();
        assert_eq!(quadruple.first, two.first);
        for (a, b) in two.entries.iter().zip(&quadruple.entries) {
            assert_eq!(*a, b / 4);
        }
    }
}

#[test]
fn the_charge_is_subtracted() {
    let clean = two_stage(100, 1000, 0.001, 1.0, 0).unwrap();
    let charge = 1u64 << 50; // e = 2^-14
    let charged = two_stage(100, 1000, 0.001, 1.0, charge).unwrap();
    let e = 2f64.powi(-14);
    for k in charged.first..=1000 {
        let p = lower_bound(k, 1000, 0.001).unwrap();
        let normal = Normal::standard();
        let expected = normal.inverse_cdf(p - e) - normal.inverse_cdf(0.5 + e);
        let found = f64::from(charged.radius(k).unwrap()) / 2f64.powi(20);
        assert!(found <= expected + 1e-9 && found > expected - 1.2e-6, "{k}: {found}, expected {expected}");
        assert!(charged.radius(k) < clean.radius(k));
    }
    assert_eq!(
        two_stage(100, 1000, 0.001, 1.0, 1 << 62),
        Err(CertificateError::Nothing { n: 1000, alpha: 0.001 })
    );
}

#[test]
fn quantiles_bracket_known_values() {
    // PhiInv(Phi(x)), Phi(x) - 1/2 in units of 2^-64 rounded either way.
    for (x, half) in
        [(1u64, 0.341_344_746_068_542_9f64), (2, 0.477_249_868_051_820_8), (3, 0.498_650_101_968_369_9)]
    {
        let units = (half * 2f64.powi(64)) as u64;
        let (low, high) = (quantile::below(units), quantile::above(units));
        assert!(low + 1 == high || low == high, "quantile of {half}");
        assert!(low.abs_diff(x << 40) < 1 << 5, "quantile of {half}: {low}");
    }
    assert_eq!((quantile::below(0), quantile::above(0)), (0, 0));
    assert_eq!(quantile::above(1), 1);
}

#[test]
fn numbers_out_of_range_are_named() {
    let text = |error: CertificateError| error.to_string();
    assert!(text(two_stage(0, 1000, 0.001, 0.25, 0).unwrap_err()).starts_with("n0 = 0"));
    assert!(text(two_stage(100, 0, 0.001, 0.25, 0).unwrap_err()).starts_with("n = 0"));
    assert!(text(single_stage(MAX_VOTES + 1, 0.001, 0.25, 0).unwrap_err()).starts_with("n = 1048577"));
    for alpha in [0.0, 0.3, -1.0, f64::NAN] {
        assert!(matches!(predict(100, alpha), Err(CertificateError::Alpha { .. })));
        assert!(matches!(lower_bound(9, 10, alpha), Err(CertificateError::Alpha { .. })));
    }
    for sigma in [0.0, 5.0, f64::NAN] {
        assert!(matches!(two_stage(9, 100, 0.001, sigma, 0), Err(CertificateError::Sigma { .. })));
    }
    assert_eq!(lower_bound(11, 10, 0.001), Err(CertificateError::Count { count: 11, n: 10 }));
    for result in [two_stage(9, 9, 0.001, 0.25, 0), single_stage(9, 0.001, 0.25, 0), predict(9, 0.001)] {
        assert_eq!(result, Err(CertificateError::Nothing { n: 9, alpha: 0.001 }));
    }
}

#[test]
fn section_is_read_back_by_the_runtime() {
    let tables = [two_stage(100, 200, 0.001, 0.25, 0).unwrap(), predict(50, 0.05).unwrap()];
    let bytes = section(&tables);
    assert_eq!(bytes[..8], [2, 0, 0, 0, 0, 0, 0, 0]);
    for (index, table) in tables.iter().enumerate() {
        let record = &bytes[8 + 32 * index..][..32];
        let word = |at: usize| u32::from_le_bytes(record[at..at + 4].try_into().unwrap());
        assert_eq!(
            (word(0), word(4), word(8), word(12)),
            (table.method as u32, table.n0, table.n, table.first)
        );
        assert_eq!(record[16..24], table.alpha.to_le_bytes());
        let entries = &bytes[word(24) as usize..][..4 * word(28) as usize];
        assert!(table.view(entries).unwrap().entries().eq(table.entries.iter().copied()));
    }
}
