//! Gradients that vanish, lie or leak the label: D06, D14.

use super::{Bench, Finding, Plan, Ran, Verdict};
use crate::attacks::{Ball, Cost, Loss, Oracle, labels_of};
use crate::methods::Batch;
use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

/// Length of a step of the central difference, in pixel values of the largest change.
const STEP: f64 = 1e-3;

/// What the gradients of all images look like.
#[derive(Default)]
struct Tally {
    zero: usize,
    broken: usize,
    saturated: usize,
    errors: Vec<f64>,
    cost: Cost,
}

/// D06: the cross-entropy must have a gradient, and it must be the loss's slope.
pub(super) fn sanity(bench: &Bench) -> Finding {
    let mut tally = Tally::default();
    for (batch, labels) in bench.batches {
        let target = bench.subject.on(&batch.ids);
        // One draw, the same one for every pass of an oracle of its own: a slope is that of a fixed function.
        look(&|| Oracle::new(&*target, 1, 1, bench.estimator), batch, labels, &mut tally);
    }
    let n = bench.images().max(1) as f64;
    let (zero, broken, saturated) =
        (tally.zero as f64 / n, tally.broken as f64 / n, tally.saturated as f64 / n);
    tally.errors.sort_by(f64::total_cmp);
    let error = tally.errors.get(tally.errors.len() / 2).copied().unwrap_or(0.0);
    let verdict = match () {
        () if zero + broken > 0.01 => Verdict::Fail,
        () if zero + broken > 0.0 || error > 0.05 => Verdict::Warn,
        () => Verdict::Pass,
    };
    let advice = if verdict == Verdict::Pass {
        ""
    } else {
        "; attack the margin or the logit ratio, or through a substitute (BPDA)"
    };
    let text = format!(
        "gradient zero for {:.1} % of images, not finite for {:.1} %; median error beside differences {:.2} %; probability 1 for {:.1} %{advice}",
        100.0 * zero,
        100.0 * broken,
        100.0 * error,
        100.0 * saturated
    );
    Finding::new("D06", verdict, text)
        .with("share of zero gradients", zero)
        .with("share of gradients that are not finite", broken)
        .with("median relative error", error)
        .with("share of probabilities of 1", saturated)
        .costing([tally.cost])
}

fn look<'t>(oracle: &dyn Fn() -> Oracle<'t>, batch: &Batch, labels: &[i32], tally: &mut Tally) {
    let y = labels_of(labels, &batch.images);
    let loss = |z: Tensor<2>| Loss::CrossEntropy.of(z, &y);
    let asked = oracle();
    let (_, gradient) = asked.gradient(&batch.images, &loss);
    let direction = gradient.clone().sign();
    let at = |step: f64| oracle().losses(&(batch.images.clone() + direction.clone().mul_scalar(step)), &loss);
    let (ahead, behind) = (at(STEP), at(-STEP));
    let sure = oracle().losses(&batch.images, &|z| softmax(z, 1).max_dim(1).squeeze_dim::<1>(1));
    let slopes = each_sum(&gradient.clone().abs());
    for i in 0..labels.len() {
        let difference = f64::from(ahead[i] - behind[i]) / (2.0 * STEP);
        let slope = f64::from(slopes[i]);
        tally.zero += usize::from(slope == 0.0);
        tally.broken += usize::from(!slope.is_finite());
        tally.saturated += usize::from(sure[i] >= 1.0);
        // Below this, differences of f32 losses are rounding.
        if slope.is_finite() && slope.max(difference.abs()) > 1e-2 {
            tally.errors.push((slope - difference).abs() / slope.max(difference.abs()));
        }
    }
    let spent = asked.cost();
    tally.cost.forward += spent.forward + 3 * labels.len() as u64;
    tally.cost.backward += spent.backward;
}

/// The sum of each image's values.
fn each_sum(x: &Tensor<4>) -> Vec<f32> {
    let [n, c, h, w] = x.dims();
    x.clone().reshape([n, c * h * w]).sum_dim(1).into_data().iter::<f32>().collect()
}

/// D14: a perturbation against the label must not raise accuracy.
pub(super) fn leaking(bench: &Bench, plan: &Plan) -> Finding {
    let step = |oracle: &Oracle, batch: &Batch, against: &[i32]| {
        let y = labels_of(against, &batch.images);
        let (_, gradient) = oracle.gradient(&batch.images, &|z| Loss::CrossEntropy.of(z, &y));
        let ball = Ball { norm: bench.norm, epsilon: plan.epsilon };
        ball.project(&batch.images, batch.images.clone() + ball.steepest(gradient).mul_scalar(plan.epsilon))
    };
    let clean = bench.shown(&|_, batch, _| batch.images.clone());
    let label = bench.shown(&|oracle, batch, labels| step(oracle, batch, labels));
    let prediction = bench.shown(&|oracle, batch, _| step(oracle, batch, &oracle.classes(&batch.images)));
    let [before, after, beside] = [&clean, &label, &prediction].map(Ran::accuracy);
    let verdict = if after > before + 0.005 { Verdict::Fail } else { Verdict::Pass };
    let text = format!(
        "one step against the label leaves {:.1} % (against the prediction {:.1} %), without an attack {:.1} %",
        100.0 * after,
        100.0 * beside,
        100.0 * before
    );
    Finding::new("D14", verdict, text)
        .with("accuracy without an attack", before)
        .with("accuracy after a step against the label", after)
        .with("accuracy after a step against the prediction", beside)
        .costing([clean.cost, label.cost, prediction.cost])
}
