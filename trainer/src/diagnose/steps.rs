//! Steps, restarts and losses: D01, D07, D08.

use super::{Bench, Finding, Headline, Plan, Ran, Verdict, Versus, ascent};
use crate::attacks::{Aim, Ascent, Attack, Loss};

/// What counts as no change of accuracy.
const STILL: f64 = 0.005;

/// D01: a single step must not beat many, and accuracy must not rise with steps.
pub(super) fn one_step(bench: &Bench, plan: &Plan) -> Finding {
    let counts = [1, 2, 5, 20, plan.longest.min(100)];
    let runs: Vec<Ran> =
        counts.iter().map(|&n| bench.attack(&ascent(bench, n, Loss::CrossEntropy), plan.epsilon)).collect();
    let (Some(one), Some(many)) = (runs.first(), runs.last()) else {
        return Finding::new("D01", Verdict::NotApplicable, "no attack was run");
    };
    let versus = Versus::new(many, one);
    let rises = runs.windows(2).any(|pair| pair[1].accuracy() > pair[0].accuracy() + 0.01);
    let (a, b) = (one.accuracy(), many.accuracy());
    let verdict = match () {
        () if versus.second_is_stronger() || a < b - STILL => Verdict::Fail,
        () if rises => Verdict::Warn,
        () => Verdict::Pass,
    };
    let text = match verdict {
        Verdict::Fail => format!(
            "one step beats many: FGSM leaves {:.1} %, {} steps {:.1} % (only FGSM {}, only steps {}): gradients mislead",
            100.0 * a,
            counts[4],
            100.0 * b,
            versus.second_only,
            versus.first_only
        ),
        Verdict::Warn => {
            format!("accuracy rises by more than a point with more steps: {}", curve(&counts, &runs))
        }
        _ => format!("more steps are stronger: {}", curve(&counts, &runs)),
    };
    let finding = counts.iter().zip(&runs).fold(Finding::new("D01", verdict, text), |f, (n, run)| {
        f.with(format!("accuracy after {n} steps"), run.accuracy())
    });
    finding.with("p", versus.p).costing(runs.iter().map(|r| r.cost))
}

fn curve(counts: &[u32], runs: &[Ran]) -> String {
    let points = counts.iter().zip(runs).map(|(n, r)| format!("{:.1} % at {n}", 100.0 * r.accuracy()));
    points.collect::<Vec<_>>().join(", ")
}

/// D07: doubling the steps must not lower accuracy any more.
pub(super) fn convergence(bench: &Bench, plan: &Plan) -> Finding {
    let run = |steps| bench.attack(&ascent(bench, steps, Loss::Margin), plan.epsilon);
    let mut runs = vec![(plan.steps, run(plan.steps))];
    let mut still = false;
    while let Some((steps, last)) = runs.last()
        && !still
        && 2 * steps <= plan.longest
    {
        let next = run(2 * steps);
        still = last.accuracy() - next.accuracy() < STILL;
        runs.push((2 * steps, next));
    }
    let (counts, runs): (Vec<u32>, Vec<Ran>) = runs.into_iter().unzip();
    let text = curve(&counts, &runs);
    let (verdict, text) = if still {
        (Verdict::Pass, format!("the attack has converged: {text}"))
    } else {
        (Verdict::Warn, format!("still falling at the last doubling: {text}; quote no smaller attack"))
    };
    let finding = counts.iter().zip(&runs).fold(Finding::new("D07", verdict, text), |f, (n, run)| {
        f.with(format!("accuracy after {n} steps"), run.accuracy())
    });
    finding.costing(runs.iter().map(|r| r.cost))
}

/// D08: other losses and restarts must not break much more than the usual attack alone.
pub(super) fn losses(bench: &Bench, plan: &Plan, headline: &Headline) -> Finding {
    let again = |loss, aim| match ascent(bench, plan.steps, loss) {
        Attack::Ascent(a) => Attack::Ascent(Ascent { restarts: plan.restarts, aim, ..a }),
        other => other,
    };
    let attacks = [
        again(Loss::CrossEntropy, Aim::Away),
        again(Loss::Margin, Aim::Away),
        again(Loss::LogitRatio, Aim::Away),
        again(Loss::Margin, Aim::EachClass),
    ];
    let runs: Vec<Ran> = attacks.iter().map(|a| bench.attack(a, plan.epsilon)).collect();
    let union = runs.iter().fold(headline.union.clone(), |all, run| all.or(run));
    let (alone, all) = (headline.usual.accuracy(), union.accuracy());
    let sure = Versus::new(&headline.usual, &union).second_is_stronger();
    let verdict = match () {
        () if alone - all <= 0.02 => Verdict::Pass,
        () if sure => Verdict::Fail,
        () => Verdict::Inconclusive,
    };
    let text = format!(
        "PGD on the cross-entropy leaves {:.1} %, the union of four losses with {} restarts {:.1} %: quote the union",
        100.0 * alone,
        plan.restarts,
        100.0 * all
    );
    let finding = Finding::new("D08", verdict, text)
        .with("accuracy under PGD", alone)
        .with("accuracy under the union", all);
    finding.costing(runs.iter().map(|r| r.cost))
}
