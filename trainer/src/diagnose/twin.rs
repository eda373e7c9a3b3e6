//! The integer network beside its float twin: D17.

use super::{Bench, Finding, Plan, Verdict, ascent};
use crate::attacks::Loss;
use crate::error::Error;
use crate::methods::Batch;
use burn::tensor::Tensor;
use ringfence_runtime::Model;
use ringfence_runtime::smooth::{Image, Purpose, Seed, Smoother};

/// D17: what is crafted on the float network must break the integer network as well.
///
/// # Errors
/// If the model takes other images than the float network.
pub fn twin(bench: &Bench, plan: &Plan, model: &Model<'_>) -> Result<Finding, Error> {
    let attack = ascent(bench, plan.steps, Loss::CrossEntropy);
    let (mut agree, mut right, mut held, mut float_held, mut images) = (0, 0, 0, 0, 0);
    let mut cost = vec![];
    for (batch, labels) in bench.batches {
        let target = bench.subject.on(&batch.ids);
        let oracle = bench.oracle(&*target);
        let float = oracle.classes(&batch.images);
        let (x, _) = attack.run(&oracle, batch, labels, plan.epsilon);
        // What a camera delivers: the float network is judged on the same rounded pixels.
        let x = x.mul_scalar(255.0).round().div_scalar(255.0);
        let attacked = oracle.classes(&x);
        let votes = if target.is_random() { bench.votes } else { 0 };
        let integer = classes(model, &batch.images, batch, votes)?;
        let integer_attacked = classes(model, &x, batch, votes)?;
        for i in 0..labels.len() {
            images += 1;
            agree += usize::from(float[i] == integer[i]);
            right += usize::from(integer[i] == labels[i]);
            float_held += usize::from(attacked[i] == labels[i]);
            held += usize::from(integer_attacked[i] == labels[i]);
        }
        cost.push(oracle.cost());
    }
    let share = |count: usize| count as f64 / images.max(1) as f64;
    let verdict = if share(held) > share(float_held) + 0.02 { Verdict::Warn } else { Verdict::Pass };
    let advice = if verdict == Verdict::Warn {
        ": gradients do not match, attack the integers themselves"
    } else {
        ""
    };
    let text = format!(
        "same class for {:.1} %; crafted on the float network {:.1} % of the integer one are left, {:.1} % of the float one{advice}",
        100.0 * share(agree),
        100.0 * share(held),
        100.0 * share(float_held)
    );
    Ok(Finding::new("D17", verdict, text)
        .with("share of equal classes", share(agree))
        .with("integer accuracy", share(right))
        .with("integer accuracy under attack", share(held))
        .with("float accuracy under attack", share(float_held))
        .costing(cost))
}

/// The integer network's class of each image: its own, or with most of `votes` noisy copies.
fn classes(model: &Model<'_>, x: &Tensor<4>, batch: &Batch, votes: u32) -> Result<Vec<i32>, Error> {
    let [_, c, h, w] = x.dims();
    let failed = |e: &dyn std::fmt::Display| Error::Integer(e.to_string());
    let mut arena = vec![0; model.arena_bytes(1)];
    let mut smoother = Smoother::new(model, &mut arena).map_err(|e| failed(&e))?;
    let values: Vec<f32> = x.clone().into_data().iter::<f32>().collect();
    let mut found = vec![];
    for (image, id) in values.chunks_exact(c * h * w).zip(&batch.ids) {
        let pixels: Vec<u8> = image.iter().map(|v| (v * 255.0).round() as u8).collect();
        let image = Image::chw(&pixels, c, h, w).map_err(|e| failed(&e))?;
        let class = if votes == 0 {
            smoother.classify(&image).map_err(|e| failed(&e))?
        } else {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&id.to_le_bytes());
            let counts =
                smoother.tally(&image, &Seed(seed), Purpose::Vote, 0..votes).map_err(|e| failed(&e))?;
            // The lowest of equals, as everywhere.
            counts.iter().enumerate().rev().max_by_key(|(_, n)| **n).map_or(0, |(class, _)| class)
        };
        found.push(class as i32);
    }
    Ok(found)
}
