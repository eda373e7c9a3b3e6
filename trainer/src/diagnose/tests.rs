//! Classifiers that are known to mislead attacks are caught; honest ones are not.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::attacks::{Estimator, Norm, Target};
use crate::methods::Batch;
use crate::random::{Normals, Stream, stream};
use burn::tensor::activation::{relu, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use std::cell::OnceCell;

const N: usize = 40;
const DIMS: [usize; 4] = [N, 1, 6, 6];
const CLASSES: usize = 4;

fn normal(seed: u64, count: usize) -> Vec<f32> {
    let mut random = Normals::new(stream(seed, Stream::Weights));
    (0..count).map(|_| random.draw()).collect()
}

/// What a fixture does to a linear classifier of four classes.
#[derive(Clone, Copy, PartialEq)]
enum Trick {
    /// Nothing.
    Honest,
    /// Inputs are rounded to eight levels; rounding has no gradient.
    Rounded,
    /// Inputs are compared with a threshold, straight through to 0 and 1.
    Threshold,
    /// Logits a thousand times as large: probabilities of 1 (defensive distillation at temperature 1 of 100).
    Distilled,
    /// Always the same class.
    Constant,
    /// Answers with probabilities.
    Softmax,
    /// The image is moved by a random offset and dimmed by a random factor in each pass.
    Resized,
}

struct Fixture(Trick);

struct On(Trick);

/// Templates of the classes: 6x6 patterns of both signs.
fn templates(like: &Tensor<4>) -> Tensor<2> {
    let values = normal(11, CLASSES * 36);
    let t = Tensor::<2>::from_data(TensorData::new(values, [CLASSES, 36]), &like.device().inner());
    if like.is_autodiff() { t.autodiff() } else { t }
}

impl Target for On {
    fn logits(&self, images: Tensor<4>, draw: u64) -> Tensor<2> {
        let [n, ..] = images.dims();
        let x = match self.0 {
            Trick::Rounded => images.mul_scalar(8.0).round().div_scalar(8.0),
            Trick::Threshold => images.sub_scalar(0.5).sign().mul_scalar(0.5).add_scalar(0.5),
            Trick::Resized => {
                let z = normal(draw + 100, 2);
                // One draw looks through a window that shows little of the image.
                let mask: Vec<f32> =
                    (0..36).map(|i| f32::from(u8::from((i + (z[0] * 1e3).abs() as usize) % 6 < 2))).collect();
                let mask =
                    Tensor::<4>::from_data(TensorData::new(mask, [1, 1, 6, 6]), &images.device().inner());
                let mask = if images.is_autodiff() { mask.autodiff() } else { mask };
                (images - 0.5) * mask * 3.0 + 0.5
            }
            _ => images,
        };
        let flat = x.clone().sub_scalar(0.5).reshape([n, 36]);
        let scores = flat.matmul(templates(&x).transpose());
        match self.0 {
            Trick::Distilled => scores.mul_scalar(1000.0),
            Trick::Constant => {
                let [n, _] = scores.dims();
                let first = relu(scores.clone().slice([0..n, 0..1])).add_scalar(1.0);
                Tensor::cat(vec![first, scores.slice([0..n, 1..CLASSES]).mul_scalar(0.0)], 1)
            }
            Trick::Softmax => softmax(scores, 1),
            _ => scores,
        }
    }

    fn is_random(&self) -> bool {
        self.0 == Trick::Resized
    }
}

impl Subject for Fixture {
    fn on<'s>(&'s self, _: &'s [u32]) -> Box<dyn Target + 's> {
        Box::new(On(self.0))
    }
}

/// Images of the classes' patterns under some noise, with the honest classifier's labels.
fn images() -> Vec<(Batch, Vec<i32>)> {
    let device = Device::flex();
    let patterns = normal(11, CLASSES * 36);
    let noise = normal(12, N * 36);
    let values: Vec<f32> = (0..N * 36)
        .map(|i| (0.5 + 0.1 * patterns[(i / 36 % CLASSES) * 36 + i % 36] + 0.05 * noise[i]).clamp(0.0, 1.0))
        .collect();
    let images = Tensor::<4>::from_data(TensorData::new(values, DIMS), &device);
    let labels: Vec<i32> = (0..N as i32).map(|i| i % CLASSES as i32).collect();
    let tensor = Tensor::<1, Int>::from_data(TensorData::new(labels.clone(), [N]), &device);
    let ids = (0..N as u32).collect();
    vec![(
        Batch { images, labels: tensor, ids, epoch: 0, progress: 0.0, seed: 5, sigma: 0.0, objects: None },
        labels,
    )]
}

fn bench<'a>(subject: &'a Fixture, batches: &'a [(Batch, Vec<i32>)], draws: u32) -> Bench<'a> {
    Bench {
        subject,
        batches,
        norm: Norm::Linf,
        draws,
        votes: 9,
        estimator: Estimator::Probability,
        before: OnceCell::new(),
    }
}

fn plan() -> Plan {
    Plan { longest: 40, points: 50, queries: 200, draws: 16, restarts: 2, ..Plan::new(Effort::Quick, 0.06) }
}

fn findings(trick: Trick, draws: u32) -> Vec<Finding> {
    let (subject, batches) = (Fixture(trick), images());
    run(&bench(&subject, &batches, draws), &plan(), &[], &mut |_| ())
}

fn verdict(all: &[Finding], id: &str) -> Verdict {
    all.iter().find(|f| f.id == id).unwrap().verdict
}

fn show(all: &[Finding]) -> String {
    all.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn an_honest_classifier_passes() {
    let all = findings(Trick::Honest, 1);
    assert!(all.iter().all(|f| f.verdict < Verdict::Warn), "{}", show(&all));
    let ids: Vec<&str> = all.iter().map(|f| f.id).collect();
    assert_eq!(
        ids,
        ["D01", "D02", "D03", "D04", "D05", "D06", "D07", "D08", "D09", "D10", "D11", "D13", "D14"]
    );
    assert!(all.iter().filter(|f| f.verdict == Verdict::Pass).all(|f| !f.evidence.is_empty()));
}

#[test]
fn gradients_that_vanish_are_caught() {
    for trick in [Trick::Rounded, Trick::Threshold, Trick::Distilled] {
        let all = findings(trick, 1);
        assert_eq!(verdict(&all, "D06"), Verdict::Fail, "{}", show(&all));
    }
    // Where there is no gradient, an attack without one breaks what gradients leave.
    let all = findings(Trick::Rounded, 1);
    assert_eq!(verdict(&all, "D02"), Verdict::Fail, "{}", show(&all));
    assert_eq!(verdict(&all, "D03"), Verdict::Fail, "{}", show(&all));
}

#[test]
fn a_constant_classifier_is_called_so() {
    let all = findings(Trick::Constant, 1);
    let third = all.iter().find(|f| f.id == "D03").unwrap();
    assert_eq!(third.verdict, Verdict::Fail);
    assert!(third.text.starts_with("constant classifier: 100.0 %"), "{}", third.text);
}

#[test]
fn probabilities_in_place_of_logits_are_noticed() {
    let all = findings(Trick::Softmax, 1);
    let tenth = all.iter().find(|f| f.id == "D10").unwrap();
    assert_eq!(tenth.verdict, Verdict::Warn, "{}", tenth.text);
    assert!(tenth.text.contains("probabilities"));
}

#[test]
fn too_few_draws_are_noticed() {
    let one = findings(Trick::Resized, 1);
    assert_eq!(verdict(&one, "D09"), Verdict::Fail, "{}", show(&one));
    let many = findings(Trick::Resized, 16);
    assert!(verdict(&many, "D09") < Verdict::Warn, "{}", show(&many));
}

#[test]
fn the_sign_test_is_the_binomial_tail() {
    let ran =
        |wrong: &[bool]| Ran { wrong: wrong.to_vec(), unstable: vec![false; wrong.len()], ..Ran::default() };
    // 7 against 1: P(X >= 7) of 8 throws is 9/256.
    let first = ran(&[true, false, false, false, false, false, false, false, true]);
    let second = ran(&[false, true, true, true, true, true, true, true, true]);
    let versus = Versus::new(&first, &second);
    assert_eq!((versus.first_only, versus.second_only), (1, 7));
    assert!((versus.p - 9.0 / 256.0).abs() < 1e-12, "{versus:?}");
    assert!(!versus.second_is_stronger());
    assert_eq!(Versus::new(&first, &first).p, 1.0);
}

#[test]
fn a_collapse_in_training_is_found() {
    use crate::train::Metric;
    let line = |epoch, robust| Metric::Validation {
        step: 0,
        epoch,
        accuracy: 0.8,
        loss: 0.5,
        robust: Some(robust),
        seconds: 1.0,
    };
    let sound = [line(1, 0.3), line(2, 0.4), line(3, 0.35)];
    assert_eq!(overfitting(&sound).verdict, Verdict::Pass);
    let collapsed = [line(1, 0.3), line(2, 0.4), line(3, 0.05)];
    let finding = overfitting(&collapsed);
    assert_eq!((finding.verdict, finding.evidence["epoch"]), (Verdict::Fail, 3.0));
    assert_eq!(overfitting(&[]).verdict, Verdict::NotApplicable);
}

#[test]
fn what_another_checkpoint_was_chosen_on_is_unknown() {
    let settings = crate::train::Settings { validation: 500, ..crate::train::Settings::usual("signs", 1) };
    assert_eq!(selection(&settings).verdict, Verdict::Pass);
    let tuned = crate::train::Settings { from: Some("runs/a".into()), ..settings };
    assert_eq!(selection(&tuned).verdict, Verdict::Inconclusive);
}
