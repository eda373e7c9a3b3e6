//! Sequential certification: it stops where the table says, however it is run.

use crate::support::Rng;
use crate::votes::{Case, SEED};
use ringfence_runtime::certificate::{
    Checkpoint, ConcludeError, Decision, Lookup, Method, Outcome, Radius, Record, conclude,
};
use ringfence_runtime::noise::Purpose;
use ringfence_runtime::smooth::{Budget, Counts, Error, Prediction, Smoother, top};
use ringfence_runtime::{Backend, CertificateTable, Model};

/// alpha of the tables in the test models.
const ALPHA: f64 = 0.1;
const TARGET: Radius = Radius(262_144);

/// A table with checkpoints after every third vote up to 90: certified from 7/10 of the votes and three more on,
/// refuted down from 6/10 and three less.
fn entries() -> Vec<u8> {
    let at = |votes: u32| [votes, (votes * 7 / 10 + 3).min(votes + 1), (votes * 6 / 10).saturating_sub(3)];
    (1..=30).flat_map(|i| at(3 * i)).flat_map(u32::to_le_bytes).collect()
}

fn table(bytes: &[u8]) -> CertificateTable<'_> {
    CertificateTable::new(Method::Sequential, 0, 100, ALPHA.to_bits(), TARGET.0, bytes).unwrap()
}

fn counts(votes: &[u32]) -> Counts {
    Counts::from_slice(votes).unwrap()
}

/// Counts at the first checkpoint that decides, by the plain evaluator.
fn naive_stop(case: &Case, model: &Model<'_>, table: &CertificateTable<'_>) -> (Counts, Option<Decision>) {
    let mut sum = counts(&vec![0; model.classes()]);
    let mut done = 0;
    for at in table.checkpoints() {
        for (total, votes) in sum.iter_mut().zip(case.naive_counts(model, Purpose::Estimate, done..at.votes))
        {
            *total += votes;
        }
        done = at.votes;
        let decision = at.decide(sum[top(&sum)]);
        if decision.is_some() {
            return (sum, decision);
        }
    }
    (sum, None)
}

#[test]
fn a_run_stops_at_the_first_checkpoint_that_decides() {
    let mut rng = Rng(60);
    let bytes = entries();
    let table = table(&bytes);
    let mut seen = [0; 3];
    for top_votes in [0..=16, 0..=16, 17..=20, 19..=21, 19..=21, 22..=24, 25..=32, 32..=32] {
        let case = Case::with_top_votes(&mut rng, top_votes);
        let model = Model::parse(&case.file).unwrap();
        let (expected, decision) = naive_stop(&case, &model, &table);
        let used: u32 = expected.iter().sum();
        for backend in Backend::ALL.into_iter().filter(|backend| backend.is_available()) {
            for (batch, step) in [(1, 1), (7, 3), (16, 1000), (3, u32::MAX), (7, 50), (16, 17)] {
                let mut arena = vec![0; model.arena_bytes(batch)];
                let mut smoother = Smoother::with_backend(&model, &mut arena, backend).unwrap();
                let mut run = smoother.start_with(&case.image(), &table, &SEED).unwrap();
                assert_eq!((run.total(), run.step(0)), (90, Ok(false)));
                let mut steps = 0;
                while !run.step(step).unwrap() {
                    steps += 1;
                    assert_eq!(run.done(), steps * u64::from(step));
                }
                assert_eq!((run.done(), run.step(5)), (u64::from(used), Ok(true)));
                let outcome = run.finish().unwrap();
                assert_eq!(
                    (outcome.counts(), outcome.votes()),
                    (&expected, used),
                    "{backend:?}, batch {batch}"
                );
                check(&outcome, decision, &expected);
                assert_eq!(smoother.certify_with(&case.image(), &table, &SEED).unwrap(), outcome);
            }
        }
        seen[decision.map_or(2, |decision| usize::from(decision == Decision::Refute))] += 1;
    }
    assert!(seen.iter().all(|&seen| seen > 0), "certified, refuted, abstained: {seen:?}");
}

fn check(outcome: &Outcome, decision: Option<Decision>, expected: &Counts) {
    let (class, n) = (top(expected), expected.iter().sum());
    assert_eq!(outcome.candidate(), (class, expected[class]));
    match (outcome, decision) {
        (Outcome::Certified(c), Some(Decision::Certify)) => {
            assert_eq!((c.radius, c.n, c.n0, c.method), (TARGET, n, 0, Method::Sequential));
            assert_eq!(c.alpha_bits, ALPHA.to_bits());
        }
        (Outcome::Refuted(r), Some(Decision::Refute)) => {
            assert_eq!((r.radius, r.n, r.alpha_bits), (TARGET, n, ALPHA.to_bits()));
        }
        (Outcome::Abstained(_), None) => assert_eq!(n, 90),
        other => panic!("{other:?}"),
    }
}

#[test]
fn more_budget_changes_no_earlier_decision() {
    let mut rng = Rng(61);
    let bytes = entries();
    let mut longer = 0;
    for i in 0..12 {
        let case = if i % 2 == 0 { Case::new(&mut rng) } else { Case::with_top_votes(&mut rng, 20..=28) };
        let model = Model::parse(&case.file).unwrap();
        let mut arena = vec![0; model.arena_bytes(4)];
        let mut smoother = Smoother::new(&model, &mut arena).unwrap();
        let mut before: Option<Outcome> = None;
        for checkpoints in 1..=30 {
            let table = table(&bytes[..12 * checkpoints]);
            let outcome = smoother.certify_with(&case.image(), &table, &SEED).unwrap();
            match before.filter(|before| !matches!(before, Outcome::Abstained(_))) {
                Some(decided) => assert_eq!(outcome, decided),
                None => longer += 1,
            }
            before = Some(outcome);
        }
    }
    assert!((13..360).contains(&longer), "{longer}");
}

#[test]
fn counts_decide_at_checkpoints_only() {
    let bytes = entries();
    let table = table(&bytes);
    let checkpoints: Vec<Checkpoint> = table.checkpoints().collect();
    assert_eq!(checkpoints.len(), 30);
    assert_eq!(checkpoints[9], Checkpoint { votes: 30, accept: 24, reject: 15 });
    assert_eq!((table.checkpoint(30), table.most_votes(), table.target()), (None, 90, Some(TARGET)));
    let decisions = [15, 16, 23, 24].map(|count| checkpoints[9].decide(count));
    assert_eq!(decisions, [Some(Decision::Refute), None, None, Some(Decision::Certify)]);
    let at = |votes: &[u32]| conclude(&table, &counts(&[]), &counts(votes));
    assert!(matches!(at(&[1, 24, 5]), Ok(Outcome::Certified(c)) if c.class == 1 && c.count == 24));
    assert!(matches!(at(&[8, 7, 8, 7]), Ok(Outcome::Refuted(r)) if r.class == 0 && r.count == 8));
    assert!(matches!(at(&[55, 35]), Ok(Outcome::Abstained(a)) if a.class == 0 && a.count == 55));
    // Not decided, not at a checkpoint, overflowing.
    for votes in [&[20, 10][..], &[31, 0], &[u32::MAX, 91]] {
        let found = votes.iter().map(|&count| u64::from(count)).sum();
        assert_eq!(at(votes), Err(ConcludeError::Votes { expected: 90, found }));
    }
}

#[test]
fn budgets_name_the_radius_too() {
    let case = Case::new(&mut Rng(62));
    let model = Model::parse(&case.file).unwrap();
    let mut arena = vec![0; model.arena_bytes(2)];
    let mut smoother = Smoother::new(&model, &mut arena).unwrap();
    let image = case.image();
    let budget = Budget::sequential(Radius(1000), 8, ALPHA);
    let table = budget.table(&model).unwrap();
    let outcome = smoother.certify(&image, budget, &SEED).unwrap();
    assert_eq!(outcome, smoother.certify_with(&image, &table, &SEED).unwrap());
    let record = Record::new(&model, &image, (&SEED, smoother.generator()), &table, &outcome);
    assert_eq!((record.method, record.n0, record.n), (Method::Sequential, 0, 8));
    assert_eq!((record.target, record.votes), (Some(Radius(1000)), outcome.votes()));
    assert_eq!(record.radius.is_some(), matches!(outcome, Outcome::Certified(_)));
    assert_eq!(record.refuted, matches!(outcome, Outcome::Refuted(_)));
    let (radius, n, alpha_bits) = (Radius(1001), 8, ALPHA.to_bits());
    let error = smoother.certify(&image, Budget::sequential(radius, n, ALPHA), &SEED).unwrap_err();
    assert_eq!(error, Error::NoSequentialTable { radius, n, alpha_bits });
    assert_eq!(
        error.to_string(),
        "the model has no sequential table for radius 0.000954 (1001 units of 2^-20), n 8, alpha 0.1"
    );
    let mut run = smoother.start(&image, budget, &SEED).unwrap();
    assert_eq!(run.step(2), Ok(false));
    assert_eq!(run.finish(), Err(Error::Unfinished { done: 2, total: 8 }));
    // It is no table of predictions.
    let refused = Err(Error::TableMethod { found: Method::Sequential });
    assert_eq!(smoother.predict_with(&image, 8, &table, &SEED), refused);
    assert_eq!(Prediction::new(&table, counts(&[8, 0])).class(), None);
}
