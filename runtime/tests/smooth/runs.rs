//! Certification and prediction of small networks, whole and in steps.

use crate::support::Rng;
use crate::votes::{Case, SEED};
use ringfence_runtime::certificate::{Method, Outcome, Record, conclude};
use ringfence_runtime::noise::{Generator, Purpose};
use ringfence_runtime::smooth::{Budget, Counts, Error, Prediction, Smoother};
use ringfence_runtime::{CertificateTable, Model};

/// alpha of the tables in the test models.
const ALPHA: f64 = 0.1;

fn entries(first: u32, n: u32) -> Vec<u8> {
    (first..=n).flat_map(|count| (count * 1000).to_le_bytes()).collect()
}

#[test]
fn steps_do_not_matter() {
    let mut rng = Rng(20);
    let bytes = entries(61, 120);
    for (case, method) in
        (0..8).map(|i| (Case::new(&mut rng), [Method::TwoStage, Method::SingleStage][i % 2]))
    {
        let model = Model::parse(&case.file).unwrap();
        let n0 = if method == Method::TwoStage { 33 } else { 0 };
        let table = CertificateTable::new(method, n0, 120, ALPHA.to_bits(), 61, &bytes).unwrap();
        let selection = case.naive_counts(&model, Purpose::Select, 0..n0);
        let counts = case.naive_counts(&model, Purpose::Estimate, 0..120);
        let as_counts = |votes: &[u32]| Counts::from_slice(votes).unwrap();
        let expected = conclude(&table, &as_counts(&selection), &as_counts(&counts)).unwrap();
        for (batch, step) in [(1, 1), (7, 3), (16, 1000), (3, u32::MAX), (7, 50)] {
            let mut arena = vec![0; model.arena_bytes(batch)];
            let mut smoother = Smoother::new(&model, &mut arena).unwrap();
            let mut run = smoother.start_with(&case.image(), &table, &SEED).unwrap();
            assert_eq!(run.total(), u64::from(n0) + 120);
            let mut steps = 0;
            while !run.step(step).unwrap() {
                steps += 1;
                assert_eq!(run.done(), steps * u64::from(step));
            }
            assert_eq!(run.finish().unwrap(), expected, "batch {batch}, step {step}");
            assert_eq!(smoother.certify_with(&case.image(), &table, &SEED).unwrap(), expected);
        }
    }
}

#[test]
fn unfinished_runs_conclude_nothing() {
    let case = Case::new(&mut Rng(21));
    let model = Model::parse(&case.file).unwrap();
    let mut arena = vec![0; model.arena_bytes(2)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let image = case.image();
    let mut run = smoother.start(&image, Budget::two_stage(4, 8, ALPHA), &SEED).unwrap();
    assert_eq!(run.step(0), Ok(false));
    assert_eq!(run.step(11), Ok(false));
    let error = run.finish().unwrap_err();
    assert_eq!(error, Error::Unfinished { done: 11, total: 12 });
    let mut run = smoother.start(&image, Budget::two_stage(4, 8, ALPHA), &SEED).unwrap();
    assert_eq!(run.step(12), Ok(true));
    assert_eq!(run.step(5), Ok(true));
    assert_eq!(run.done(), 12);
    assert!(run.finish().is_ok());
}

#[test]
fn budgets_name_their_table() {
    let mut rng = Rng(22);
    let (mut certified, mut abstained) = (0, 0);
    for _ in 0..12 {
        let case = Case::new(&mut rng);
        let model = Model::parse(&case.file).unwrap();
        let mut arena = vec![0; model.arena_bytes(2)];
        let mut smoother = Smoother::new(&model, &mut arena).unwrap();
        for budget in [Budget::two_stage(4, 8, ALPHA), Budget::single_stage(8, ALPHA)] {
            let table = budget.table(&model).unwrap();
            let outcome = smoother.certify(&case.image(), budget, &SEED).unwrap();
            assert_eq!(outcome, smoother.certify_with(&case.image(), &table, &SEED).unwrap());
            let seed = (&SEED, smoother.generator());
            let record = Record::new(&model, &case.image(), seed, &table, &outcome);
            assert_eq!((record.model_sha256, record.image_sha256), (model.sha256(), case.image().sha256()));
            assert_eq!((record.method, record.n0, record.n), (table.method(), table.n0(), 8));
            assert_eq!((record.seed, record.alpha_bits), (SEED, ALPHA.to_bits()));
            assert_eq!((record.target, record.votes, record.refuted), (None, 8, false));
            assert_eq!((record.generator, record.version), (Generator::Xoshiro, env!("CARGO_PKG_VERSION")));
            assert_eq!(record.count, record.counts[record.class]);
            assert_eq!(&record.counts, outcome.counts());
            assert_eq!(record.radius, table.radius(record.count));
            match outcome {
                Outcome::Certified(_) => certified += 1,
                Outcome::Refuted(_) | Outcome::Abstained(_) => abstained += 1,
            }
        }
        for budget in [Budget::samples(8), Budget::two_stage(4, 9, ALPHA), Budget::single_stage(8, 0.1000001)]
        {
            let error = smoother.certify(&case.image(), budget, &SEED).unwrap_err();
            assert!(matches!(error, Error::NoTable { .. }), "{error}");
        }
        let error = smoother.certify(&case.image(), Budget::samples(8), &SEED).unwrap_err();
        assert_eq!(error.to_string(), "the model has no TwoStage table for n0 100, n 8, alpha 0.001");
    }
    assert!(certified > 0 && abstained > 0, "{certified} certified, {abstained} abstained");
}

#[test]
fn predict_tests_the_votes() {
    let mut rng = Rng(23);
    let (mut answered, mut abstained) = (0, 0);
    for top_votes in [0..=16, 17..=24, 25..=28, 29..=31, 32..=32] {
        let case = Case::with_top_votes(&mut rng, top_votes);
        let model = Model::parse(&case.file).unwrap();
        let mut arena = vec![0; model.arena_bytes(3)];
        let mut smoother = Smoother::new(&model, &mut arena).unwrap();
        let table = model.certificates().find(|table| table.method() == Method::Predict).unwrap();
        for n in [1, 5, 8] {
            let counts = case.naive_counts(&model, Purpose::Vote, 0..n);
            let expected = Prediction::new(&table, Counts::from_slice(&counts).unwrap());
            assert_eq!(smoother.predict(&case.image(), n, ALPHA, &SEED).unwrap(), expected);
            assert_eq!(smoother.predict_with(&case.image(), n, &table, &SEED).unwrap(), expected);
            match expected.class() {
                Some(_) => answered += 1,
                None => abstained += 1,
            }
        }
        let error =
            |n, alpha| Error::NoTable { method: Method::Predict, n0: 0, n, alpha_bits: f64::to_bits(alpha) };
        assert_eq!(smoother.predict(&case.image(), 9, ALPHA, &SEED), Err(error(9, ALPHA)));
        assert_eq!(smoother.predict_with(&case.image(), 9, &table, &SEED), Err(error(9, ALPHA)));
        assert_eq!(smoother.predict(&case.image(), 8, 0.2, &SEED), Err(error(8, 0.2)));
        assert_eq!(smoother.predict(&case.image(), 0, ALPHA, &SEED), Err(Error::NoSamples));
    }
    assert!(answered > 0 && abstained > 0, "{answered} answered, {abstained} abstained");
}

#[test]
fn tables_of_the_wrong_kind_are_refused() {
    let case = Case::new(&mut Rng(24));
    let model = Model::parse(&case.file).unwrap();
    let mut arena = vec![0; model.arena_bytes(1)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let predict = model.certificates().find(|table| table.method() == Method::Predict).unwrap();
    let refused = Err(Error::TableMethod { found: Method::Predict });
    assert_eq!(smoother.certify_with(&case.image(), &predict, &SEED), refused);
    let two_stage = Budget::two_stage(4, 8, ALPHA).table(&model).unwrap();
    let error = smoother.predict_with(&case.image(), 8, &two_stage, &SEED);
    assert_eq!(error, Err(Error::TableMethod { found: Method::TwoStage }));
}
