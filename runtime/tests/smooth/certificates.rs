//! Table lookups, radii and what votes conclude.

use ringfence_runtime::CertificateTable;
use ringfence_runtime::certificate::{ConcludeError, Method, Outcome, Radius, conclude};
use ringfence_runtime::smooth::{Counts, Prediction, add_counts, top};

const ALPHA: f64 = 0.001;

fn bytes(entries: &[u32]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_le_bytes()).collect()
}

fn counts(votes: &[u32]) -> Counts {
    Counts::from_slice(votes).unwrap()
}

#[test]
fn radii_are_rounded_down() {
    let radius = Radius((1 << 19) + 1);
    assert_eq!(radius.units(), 524_289);
    assert_eq!(radius.as_f32(), 0.5 + 1.0 / 1_048_576.0);
    assert_eq!(radius.in_255ths_floor(), 127);
    assert_eq!(radius.to_string(), "0.500000");
    assert_eq!(Radius(646_093).to_string(), "0.616162");
    assert_eq!(Radius(0).as_f32(), 0.0);
    assert_eq!(Radius((1 << 20) / 255).in_255ths_floor(), 0);
    assert_eq!(Radius((1 << 20) / 255 + 1).in_255ths_floor(), 1);
    for units in [1, 0xff_ffff, 0x100_0000, 0x100_0001, 0x1ff_ffff, u32::MAX - 1, u32::MAX] {
        let exact = f64::from(units) / f64::from(Radius::ONE);
        let shown = f64::from(Radius(units).as_f32());
        assert!(shown <= exact && shown > exact * (1.0 - 2f64.powi(-23)), "{units} units");
    }
}

#[test]
fn tables_are_looked_up_by_count() {
    let entries = bytes(&[0, 10, 20, 20]);
    let table = CertificateTable::new(Method::TwoStage, 5, 10, ALPHA.to_bits(), 7, &entries).unwrap();
    let radii: Vec<Option<u32>> = (0..13).map(|count| table.radius(count).map(Radius::units)).collect();
    let mut expected = vec![None; 13];
    expected[7..11].copy_from_slice(&[Some(0), Some(10), Some(20), Some(20)]);
    assert_eq!(radii, expected);
    assert!(!table.is_significant(10, 10));
}

#[test]
fn two_stage_names_the_class_of_the_selection() {
    let entries = bytes(&[4, 10, 20, 30]);
    let table = CertificateTable::new(Method::TwoStage, 5, 10, ALPHA.to_bits(), 7, &entries).unwrap();
    let selection = counts(&[1, 2, 2]);
    let Outcome::Certified(certificate) = conclude(&table, &selection, &counts(&[2, 8, 0])).unwrap() else {
        panic!("8 of 10 certify");
    };
    assert_eq!((certificate.class, certificate.count, certificate.radius), (1, 8, Radius(10)));
    assert_eq!((certificate.method, certificate.n0, certificate.n), (Method::TwoStage, 5, 10));
    assert_eq!(certificate.alpha_bits, ALPHA.to_bits());
    // The class of the estimate is not asked.
    let outcome = conclude(&table, &selection, &counts(&[10, 0, 0])).unwrap();
    let Outcome::Abstained(abstention) = &outcome else { panic!("0 of 10 do not certify") };
    assert_eq!((abstention.class, abstention.count), (1, 0));
    assert_eq!((outcome.certificate(), outcome.counts()[..].to_vec()), (None, vec![10, 0, 0]));
}

#[test]
fn single_stage_names_the_class_of_the_estimate() {
    let entries = bytes(&[10, 20, 30]);
    let table = CertificateTable::new(Method::SingleStage, 0, 10, ALPHA.to_bits(), 8, &entries).unwrap();
    let outcome = |votes: &[u32]| conclude(&table, &counts(&[]), &counts(votes)).unwrap();
    let certified = |votes| outcome(votes).certificate().map(|c| (c.class, c.radius.units()));
    assert_eq!(certified(&[0, 1, 9]), Some((2, 20)));
    assert_eq!(certified(&[3, 7, 0]), None);
    assert_eq!(outcome(&[0, 5, 5]).counts()[..], [0, 5, 5]);
}

#[test]
fn votes_must_be_those_of_the_table() {
    let entries = bytes(&[4, 10, 20, 30]);
    let table = CertificateTable::new(Method::TwoStage, 5, 10, ALPHA.to_bits(), 7, &entries).unwrap();
    let error = |selection: &[u32], votes: &[u32]| conclude(&table, &counts(selection), &counts(votes));
    assert_eq!(error(&[5, 0], &[0, 11]), Err(ConcludeError::Votes { expected: 10, found: 11 }));
    assert_eq!(error(&[5, 0], &[9, 0]), Err(ConcludeError::Votes { expected: 10, found: 9 }));
    assert_eq!(error(&[4, 0], &[10, 0]), Err(ConcludeError::Votes { expected: 5, found: 4 }));
    let overflowing = [u32::MAX, 11];
    let found = u64::from(u32::MAX) + 11;
    assert_eq!(error(&[5, 0], &overflowing), Err(ConcludeError::Votes { expected: 10, found }));
    let entries = bytes(&[9; 9]);
    let table = CertificateTable::new(Method::Predict, 0, 8, ALPHA.to_bits(), 0, &entries).unwrap();
    assert_eq!(conclude(&table, &counts(&[]), &counts(&[8])), Err(ConcludeError::Method));
    assert_eq!(table.radius(9), None);
}

#[test]
fn prediction_tests_the_top_two() {
    // Significant: 5 of 5, 6 of 6, 6 of 7, 7 of 8.
    let entries = bytes(&[9, 9, 9, 9, 9, 5, 6, 6, 7]);
    let table = CertificateTable::new(Method::Predict, 0, 8, ALPHA.to_bits(), 0, &entries).unwrap();
    let class = |votes: &[u32]| Prediction::new(&table, counts(votes)).class();
    assert_eq!(class(&[0, 8, 0]), Some(1));
    assert_eq!(class(&[7, 1, 0]), Some(0));
    assert_eq!(class(&[6, 2, 0]), None);
    assert_eq!(class(&[1, 6, 1]), Some(1));
    assert_eq!(class(&[1, 1, 1, 5]), None);
    assert_eq!(class(&[4, 0]), None);
    assert_eq!(class(&[4, 4]), None);
    assert_eq!(Prediction::new(&table, counts(&[4, 4])).counts()[..], [4, 4]);
}

#[test]
fn counts_add_and_ties_go_to_the_lowest() {
    let mut sum = counts(&[1, 2, 3]);
    add_counts(&mut sum, &counts(&[5, 0, 1]));
    assert_eq!(sum[..], [6, 2, 4]);
    assert_eq!(top(&[1, 3, 3, 2]), 1);
    assert_eq!(top::<u64>(&[]), 0);
}
