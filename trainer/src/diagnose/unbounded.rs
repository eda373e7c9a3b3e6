//! Balls so large that nothing can stand: D03, D05.

use super::{Bench, Finding, Plan, Ran, Verdict, Versus, ascent};
use crate::attacks::{Attack, Ddn, Loss, Norm};

/// Share of one class among predictions from which on a classifier counts as constant.
const CONSTANT: f64 = 0.95;

/// D03: in the whole box every image has an adversarial one, and at half of it all images can be grey.
pub(super) fn unbounded(bench: &Bench, plan: &Plan) -> Finding {
    let share = largest_class(bench);
    if share > CONSTANT {
        let text = format!("constant classifier: {:.1} % of predictions are one class", 100.0 * share);
        return Finding::new("D03", Verdict::Fail, text).with("share of one class", share);
    }
    let whole = Bench { norm: Norm::Linf, ..bench.clone() };
    let attack = ascent(&whole, plan.longest.min(200), Loss::Margin);
    let (all, half) = (whole.attack(&attack, 1.0), whole.attack(&attack, 0.5));
    let least = Bench { norm: Norm::L2, ..bench.clone() };
    let ddn = least.unlimited(&Attack::Ddn(Ddn { steps: plan.longest.min(200), gamma: 0.05, start: 1.0 }));
    let (left, at_half, nearest) = (all.accuracy(), half.accuracy(), ddn.accuracy());
    let worst = left.max(nearest);
    let verdict = match () {
        () if worst > 0.01 || at_half > share.max(0.01) + 0.01 => Verdict::Fail,
        () if worst > 0.0 => Verdict::Warn,
        () => Verdict::Pass,
    };
    let text = format!(
        "without a bound {:.1} % are left by PGD, {:.1} % by DDN; at half the range {:.1} % (at most {:.1} % can be)",
        100.0 * left,
        100.0 * nearest,
        100.0 * at_half,
        100.0 * share
    );
    Finding::new("D03", verdict, text)
        .with("accuracy at 1", left)
        .with("accuracy at 0.5", at_half)
        .with("accuracy under DDN", nearest)
        .with("share of one class", share)
        .costing([all.cost, half.cost, ddn.cost])
}

/// The largest share of one class among the predictions.
fn largest_class(bench: &Bench) -> f64 {
    let mut counts = std::collections::BTreeMap::<i32, usize>::new();
    for (batch, _) in bench.batches {
        let target = bench.subject.on(&batch.ids);
        for class in bench.oracle(&*target).classes(&batch.images) {
            *counts.entry(class).or_default() += 1;
        }
    }
    counts.values().max().copied().unwrap_or(0) as f64 / bench.images().max(1) as f64
}

/// Multiples of the ball's size that D05 tries.
const MULTIPLES: [f64; 7] = [0.25, 0.5, 1.0, 1.5, 2.0, 4.0, 8.0];

/// D05: a larger ball must help, and a large one must break everything.
pub(super) fn larger(bench: &Bench, plan: &Plan) -> Finding {
    let attack = ascent(bench, 2 * plan.steps, Loss::Margin);
    let runs: Vec<Ran> = MULTIPLES.iter().map(|m| bench.attack(&attack, m * plan.epsilon)).collect();
    let risen = runs.windows(2).any(|pair| {
        pair[1].accuracy() > pair[0].accuracy() + 0.01 && Versus::new(&pair[1], &pair[0]).second_is_stronger()
    });
    let [.., doubled, fourfold, last] = runs.as_slice() else {
        return Finding::new("D05", Verdict::NotApplicable, "no attack was run");
    };
    let plateau = doubled.accuracy() - fourfold.accuracy() < 0.005 && doubled.accuracy() > 0.05;
    // A ball that is small even eightfold may leave something standing for good reasons.
    let large = bench.norm == Norm::Linf && MULTIPLES[6] * plan.epsilon >= 0.2;
    let verdict = match () {
        () if risen || large && last.accuracy() > 0.01 => Verdict::Fail,
        () if plateau => Verdict::Warn,
        () => Verdict::Pass,
    };
    let points = MULTIPLES.iter().zip(&runs).map(|(m, r)| format!("{:.1} % at {m}", 100.0 * r.accuracy()));
    let text = format!("accuracy by multiples of the bound: {}", points.collect::<Vec<_>>().join(", "));
    let finding = MULTIPLES.iter().zip(&runs).fold(Finding::new("D05", verdict, text), |f, (m, run)| {
        f.with(format!("accuracy at {m} times the bound"), run.accuracy())
    });
    finding.costing(runs.iter().map(|r| r.cost))
}
