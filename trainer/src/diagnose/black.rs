//! Attacks without gradients against those with: D02, D04, D13.

use super::{Bench, Finding, Headline, Plan, Ran, Verdict, Versus};
use crate::attacks::{Attack, HopSkipJump, Norm, Sampling, Spread, Square, SquareL2};

/// D02: what needs no gradient must not break what the gradient attacks leave.
pub(super) fn black_box(bench: &Bench, plan: &Plan, headline: &Headline) -> Finding {
    let named = |(i, run): (usize, &Ran)| (format!("transfer from source {}", i + 1), run.clone());
    let mut runs: Vec<(String, Ran)> = headline.transfers.iter().enumerate().map(named).collect();
    let square = match bench.norm {
        Norm::Linf => Attack::Square(Square { queries: plan.queries, share: 0.8 }),
        Norm::L2 => Attack::SquareL2(SquareL2 { queries: plan.queries, share: 0.1 }),
    };
    runs.push(("square".into(), bench.attack(&square, plan.epsilon)));
    if bench.norm == Norm::L2 {
        let (norm, most) = (bench.norm, plan.queries / 2);
        let jumps = Attack::HopSkipJump(HopSkipJump { norm, steps: 8, probes: 50, most, tries: 50 });
        runs.push(("HopSkipJump".into(), bench.attack(&jumps, plan.epsilon)));
    }
    let Some((best, strongest)) = runs.iter().min_by(|a, b| a.1.accuracy().total_cmp(&b.1.accuracy())) else {
        return Finding::new(
            "D02",
            Verdict::NotApplicable,
            "in L2 without --source there is nothing to compare with",
        );
    };
    let union = runs.iter().fold(headline.union.clone(), |all, (_, run)| all.or(run));
    let added = count(&union) - count(&headline.union);
    let share = added as f64 / bench.images().max(1) as f64;
    let stronger = runs.iter().any(|(_, r)| Versus::new(&headline.union, r).second_is_stronger());
    let verdict = match () {
        () if share > 0.005 || stronger => Verdict::Fail,
        () if added > 0 => Verdict::Warn,
        () => Verdict::Pass,
    };
    let text = format!(
        "attacks without gradients break {added} of {} images that gradients did not (best of them: {best}, {:.1} % left; gradients {:.1} %)",
        bench.images(),
        100.0 * strongest.accuracy(),
        100.0 * headline.union.accuracy()
    );
    let finding = runs.iter().fold(Finding::new("D02", verdict, text), |f, (name, run)| {
        f.with(format!("accuracy under {name}"), run.accuracy())
    });
    finding
        .with("accuracy under gradients", headline.union.accuracy())
        .with("images added", added as f64)
        .costing(runs.iter().map(|(_, r)| r.cost))
}

fn count(run: &Ran) -> usize {
    run.wrong.iter().filter(|w| **w).count()
}

/// D04: random points of the ball, and of its corners, must not break what the gradient attacks leave.
pub(super) fn sampling(bench: &Bench, plan: &Plan, headline: &Headline) -> Finding {
    let points = |spread| {
        let sampling = Sampling { norm: bench.norm, spread, draws: plan.points };
        bench.attack(&Attack::Sampling(sampling), plan.epsilon)
    };
    let [ball, edge] = [Spread::Ball, Spread::Edge].map(points);
    let run = ball.or(&edge);
    let found = run.wrong.iter().zip(&headline.union.wrong).filter(|(r, w)| **r && !**w).count();
    let left = bench.images() - count(&headline.union);
    let verdict = if found > 0 { Verdict::Fail } else { Verdict::Pass };
    let text = format!(
        "{} random points of the ball and as many of its edge break {found} of {left} images that gradients did not",
        plan.points
    );
    Finding::new("D04", verdict, text)
        .with("images broken", found as f64)
        .with("images left", left as f64)
        .costing([run.cost])
}

/// D13: images crafted on another network must not break as many as those crafted on this one.
pub(super) fn transfer(headline: &Headline) -> Finding {
    let runs = &headline.transfers;
    let Some(strongest) = runs.iter().min_by(|a, b| a.accuracy().total_cmp(&b.accuracy())) else {
        return Finding::new("D13", Verdict::NotApplicable, "needs --source: another network to craft on");
    };
    let (there, here) = (strongest.accuracy(), headline.usual.accuracy());
    let verdict = if there <= here + 0.01 { Verdict::Warn } else { Verdict::Pass };
    let text =
        format!("crafted on another network {:.1} % left, on this one {:.1} %", 100.0 * there, 100.0 * here);
    Finding::new("D13", verdict, text).with("accuracy under transfer", there).with("accuracy under PGD", here)
}
