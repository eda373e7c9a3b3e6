//! Attacks without gradients against those with: D02, D04, D13.

use super::{Bench, Finding, Headline, Plan, Ran, Verdict, Versus, ascent};
use crate::attacks::{Attack, Ball, Loss, Norm, Square, pick};
use crate::methods::Batch;
use crate::random::{Normals, Stream, stream};
use burn::tensor::{Tensor, TensorData};
use rand_core::Rng;

/// D02: what needs no gradient must not break what the gradient attacks leave.
pub(super) fn black_box(bench: &Bench, plan: &Plan, headline: &Headline, sources: &[Bench]) -> Finding {
    let mut runs: Vec<(String, Ran)> = sources
        .iter()
        .enumerate()
        .map(|(i, s)| {
            let attack = ascent(bench, plan.steps, Loss::CrossEntropy);
            (format!("transfer from source {}", i + 1), bench.transferred(&attack, s.subject, plan.epsilon))
        })
        .collect();
    if bench.norm == Norm::Linf {
        let square = Attack::Square(Square { queries: plan.queries, share: 0.8 });
        runs.push(("square".into(), bench.attack(&square, plan.epsilon)));
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
    let ball = Ball { norm: bench.norm, epsilon: plan.epsilon };
    let search = |oracle: &crate::attacks::Oracle, batch: &Batch, labels: &[i32]| {
        let mut best = batch.images.clone();
        let mut fooled = oracle.fooled(&best, labels);
        for point in 0..plan.points {
            if fooled.iter().all(|f| *f) {
                break;
            }
            let x = ball.project(&batch.images, batch.images.clone() + random_point(&ball, batch, point));
            let now = oracle.fooled(&x, labels);
            let take: Vec<bool> = fooled.iter().zip(&now).map(|(before, now)| !before && *now).collect();
            best = pick(&take, x, best);
            fooled.iter_mut().zip(now).for_each(|(f, n)| *f |= n);
        }
        best
    };
    let run = bench.each(&search, plan.epsilon);
    let found = run.wrong.iter().zip(&headline.union.wrong).filter(|(r, w)| **r && !**w).count();
    let left = bench.images() - count(&headline.union);
    let verdict = if found > 0 { Verdict::Fail } else { Verdict::Pass };
    let text = format!(
        "{} random points in the ball break {found} of {left} images that gradients did not",
        plan.points
    );
    Finding::new("D04", verdict, text)
        .with("images broken", found as f64)
        .with("images left", left as f64)
        .costing([run.cost])
}

/// A uniform point of the ball, or, every second time, one of its surface: a corner, or a direction of full length.
fn random_point(ball: &Ball, batch: &Batch, point: u32) -> Tensor<4> {
    let dims = batch.images.dims();
    let each = dims[1] * dims[2] * dims[3];
    let (mut uniform, mut normal, mut radius) = (vec![], vec![], vec![]);
    for &index in &batch.ids {
        let mut random =
            Normals::new(stream(batch.seed, Stream::Start { epoch: 1 << 28, index, restart: point }));
        for _ in 0..each {
            let word = random.source().next_u32();
            uniform.push(word as f32 / (u32::MAX / 2) as f32 - 1.0);
        }
        (0..each).for_each(|_| normal.push(random.draw()));
        radius.push(random.source().next_u32() as f32 / u32::MAX as f32);
    }
    let tensor = |values: Vec<f32>, dims: [usize; 4]| -> Tensor<4> {
        Tensor::from_data(TensorData::new(values, dims), &batch.images.device())
    };
    let (uniform, normal) = (tensor(uniform, dims), tensor(normal, dims));
    let radius = tensor(radius, [dims[0], 1, 1, 1]);
    if point.is_multiple_of(2) {
        ball.random(uniform, normal, radius)
    } else {
        ball.random(uniform.sign(), normal, radius.ones_like())
    }
}

/// D13: images crafted on another network must not break as many as those crafted on this one.
pub(super) fn transfer(bench: &Bench, plan: &Plan, headline: &Headline, sources: &[Bench]) -> Finding {
    let attack = ascent(bench, plan.steps, Loss::CrossEntropy);
    let runs: Vec<Ran> =
        sources.iter().map(|s| bench.transferred(&attack, s.subject, plan.epsilon)).collect();
    let Some(strongest) = runs.iter().min_by(|a, b| a.accuracy().total_cmp(&b.accuracy())) else {
        return Finding::new("D13", Verdict::NotApplicable, "needs --source: another network to craft on");
    };
    let (there, here) = (strongest.accuracy(), headline.usual.accuracy());
    let verdict = if there <= here + 0.01 { Verdict::Warn } else { Verdict::Pass };
    let text =
        format!("crafted on another network {:.1} % left, on this one {:.1} %", 100.0 * there, 100.0 * here);
    Finding::new("D13", verdict, text)
        .with("accuracy under transfer", there)
        .with("accuracy under PGD", here)
        .costing(runs.iter().map(|r| r.cost))
}
