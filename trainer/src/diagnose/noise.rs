//! Randomised classifiers, and inputs of attacks that are not what they expect: D09, D10, D11.

use super::bench::Subject;
use super::{Bench, Finding, Headline, Plan, Ran, Verdict, ascent};
use crate::attacks::{Loss, Target};
use burn::tensor::Tensor;
use std::cell::OnceCell;

/// Whether the classifier draws.
fn is_random(bench: &Bench) -> bool {
    bench.batches.first().is_some_and(|(batch, _)| bench.subject.on(&batch.ids).is_random())
}

/// D09: more draws in each gradient must not break more.
pub(super) fn draws(bench: &Bench, plan: &Plan) -> Finding {
    if !is_random(bench) {
        return Finding::new("D09", Verdict::NotApplicable, "the classifier draws nothing");
    }
    let attack = ascent(bench, plan.steps, Loss::CrossEntropy);
    let run = |draws| Bench { draws, ..bench.clone() }.attack(&attack, plan.epsilon);
    let counts: Vec<u32> =
        std::iter::successors(Some(1), |m| Some(2 * m)).take_while(|m| *m <= plan.draws).collect();
    let runs: Vec<Ran> = counts.iter().map(|&m| run(m)).collect();
    let asked = run(bench.draws).accuracy();
    let points = counts.iter().zip(&runs).map(|(m, r)| format!("{:.1} % with {m}", 100.0 * r.accuracy()));
    let points = points.collect::<Vec<_>>().join(", ");
    let moves = runs.windows(2).last().is_none_or(|pair| pair[0].accuracy() - pair[1].accuracy() >= 0.005);
    let converged = runs.iter().map(Ran::accuracy).fold(1.0, f64::min);
    let (verdict, text) = match () {
        () if asked > converged + 0.01 => {
            (Verdict::Fail, format!("{} draws leave {:.1} %, too few: {points}", bench.draws, 100.0 * asked))
        }
        () if moves => (Verdict::Inconclusive, format!("the last doubling still lowers accuracy: {points}")),
        () => {
            (Verdict::Pass, format!("{} draws leave {:.1} %, enough: {points}", bench.draws, 100.0 * asked))
        }
    };
    let finding = counts.iter().zip(&runs).fold(Finding::new("D09", verdict, text), |f, (m, run)| {
        f.with(format!("accuracy with {m} draws"), run.accuracy())
    });
    finding.with("accuracy with the draws asked for", asked).costing(runs.iter().map(|r| r.cost))
}

/// D10: attacks expect logits of a fixed function and at least four classes.
pub(super) fn inputs(bench: &Bench) -> Finding {
    let Some((batch, _)) = bench.batches.first() else {
        return Finding::new("D10", Verdict::NotApplicable, "no images");
    };
    let target = bench.subject.on(&batch.ids);
    let ask = |draw| target.logits(batch.images.clone(), draw);
    let logits = ask(0);
    let [_, classes] = logits.dims();
    let values = |t: Tensor<2>| -> Vec<f32> { t.into_data().iter::<f32>().collect() };
    let first = values(logits);
    let differs = (1..5).any(|draw| values(ask(draw)) != first);
    let sums = first.chunks(classes).all(|row| (row.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    let probabilities = sums && first.iter().all(|p| (0.0..=1.0).contains(p));
    let mut doubts = vec![];
    if differs != target.is_random() {
        doubts.push("its answers vary and it does not say that it draws: attack it with the suite `rand`");
    }
    if probabilities {
        doubts.push("it answers with probabilities: take their logarithm, or gradients vanish");
    }
    if classes < 4 {
        doubts.push("fewer than four classes: the targeted logit ratio falls back to the margin");
    }
    let verdict = if doubts.is_empty() { Verdict::Pass } else { Verdict::Warn };
    let random = if differs { "randomised" } else { "deterministic" };
    let text =
        if doubts.is_empty() { format!("{random}, logits of {classes} classes") } else { doubts.join("; ") };
    Finding::new("D10", verdict, text)
        .with("randomised", f64::from(u8::from(differs)))
        .with("answers with probabilities", f64::from(u8::from(probabilities)))
        .with("classes", classes as f64)
}

/// The classifier with the noise of one draw, the same one for every question.
struct Frozen<'a>(&'a dyn Subject);

/// One batch of it.
struct FrozenTarget<'t>(Box<dyn Target + 't>);

impl Target for FrozenTarget<'_> {
    fn logits(&self, images: Tensor<4>, _: u64) -> Tensor<2> {
        self.0.logits(images, 0)
    }
}

impl Subject for Frozen<'_> {
    fn on<'s>(&'s self, ids: &'s [u32]) -> Box<dyn Target + 's> {
        Box::new(FrozenTarget(self.0.on(ids)))
    }
}

/// The classifier without noise.
struct Silent<'a>(&'a dyn Subject);

impl Subject for Silent<'_> {
    fn on<'s>(&'s self, ids: &'s [u32]) -> Box<dyn Target + 's> {
        self.0.silent(ids).unwrap_or_else(|| self.0.on(ids))
    }
}

/// D11: how much of the robustness is randomness alone.
pub(super) fn frozen(bench: &Bench, plan: &Plan, headline: &Headline) -> Finding {
    if !is_random(bench) {
        return Finding::new("D11", Verdict::NotApplicable, "the classifier draws nothing");
    }
    let attack = ascent(bench, plan.steps, Loss::CrossEntropy);
    let on = |subject: &dyn Subject| {
        Bench { subject, before: OnceCell::new(), ..bench.clone() }.attack(&attack, plan.epsilon)
    };
    let noisy = &headline.usual;
    let frozen = on(&Frozen(bench.subject));
    let silenced = bench.batches.first().is_some_and(|(batch, _)| bench.subject.silent(&batch.ids).is_some());
    let silent = silenced.then(|| on(&Silent(bench.subject)));
    let quiet = silent.as_ref().map_or(f64::NAN, Ran::accuracy);
    let verdict = if quiet < noisy.accuracy() - 0.05 { Verdict::Fail } else { Verdict::Pass };
    let off = silent.as_ref().map_or("that cannot be switched off".into(), |r| {
        format!("{:.1} % switched off", 100.0 * r.accuracy())
    });
    let text = format!(
        "under attack {:.1} % with fresh noise, {:.1} % with one noise frozen, {off}",
        100.0 * noisy.accuracy(),
        100.0 * frozen.accuracy()
    );
    let text = if verdict == Verdict::Fail { format!("{text}: the gain is randomness") } else { text };
    let finding = Finding::new("D11", verdict, text)
        .with("accuracy with fresh noise", noisy.accuracy())
        .with("accuracy with frozen noise", frozen.accuracy());
    let finding = if silenced { finding.with("accuracy without noise", quiet) } else { finding };
    finding.costing([frozen.cost]).costing(silent.map(|r| r.cost))
}
