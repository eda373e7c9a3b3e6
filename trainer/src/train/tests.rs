//! Schedules, resume, divergence and metrics on a toy data set.

#![allow(clippy::unwrap_used, clippy::panic)]

mod masks;

use super::*;
use crate::data::{Augmentation, Images, moments};
use crate::error::Error;
use crate::export::to_onnx;
use crate::nets::{Architecture, NetSpec, Path};
use crate::noise::NoiseSpec;
use crate::testing::Toy;
use burn::tensor::Device;
use ringfence::data::Dataset;
use std::sync::atomic::AtomicBool;

fn schedule(decay: Decay) -> Schedule {
    Schedule { rate: 0.2, warmup: 1.0, epochs: 11, decay }
}

#[test]
fn the_cosine_rises_then_falls_to_zero() {
    let s = schedule(Decay::Cosine);
    let rate = |step| s.at(step, 10);
    assert!((rate(0) - 0.02).abs() < 1e-12);
    assert!((rate(9) - 0.2).abs() < 1e-12);
    assert!((rate(10) - 0.2).abs() < 1e-12);
    assert!((rate(60) - 0.1).abs() < 1e-12, "half-way: {}", rate(60));
    assert!(rate(109) < 1e-4 && rate(110) < 1e-12 && rate(500) < 1e-12);
    assert!((10..110).all(|step| rate(step + 1) < rate(step)));
}

#[test]
fn the_steps_divide_by_ten() {
    let s = schedule(Decay::Step { epochs: vec![3, 6] });
    for (step, expected) in [(10, 0.2), (29, 0.2), (30, 0.02), (59, 0.02), (60, 0.002), (109, 0.002)] {
        assert!((s.at(step, 10) - expected).abs() < 1e-12, "{step}: {}", s.at(step, 10));
    }
    let s = Schedule { warmup: 0.0, ..s };
    assert!((s.at(0, 10) - 0.2).abs() < 1e-12);
}

struct Bench {
    train: Images,
    validation: Images,
    net: NetSpec,
    settings: Settings,
}

fn bench() -> Bench {
    let train = Images::read(&Toy, 0..18).unwrap();
    let validation = Images::read(&Toy, 18..24).unwrap();
    let [mean, deviation] = moments(&train);
    let net = NetSpec {
        architecture: Architecture::ResNet8,
        input: [3, 8, 8],
        classes: Toy.classes().to_vec(),
        mean,
        deviation,
        noise: NoiseSpec::default(),
        mask: None,
    };
    let settings = Settings {
        data: Toy.spec(),
        validation: 6,
        augmentation: Augmentation { crop: 1, flip: true, sigma: 0.1 },
        batch: 5,
        schedule: Schedule { rate: 0.05, warmup: 0.5, epochs: 2, decay: Decay::Cosine },
        momentum: 0.9,
        weight_decay: 5e-4,
        seed: 3,
        ..Settings::usual("", 2)
    };
    Bench { train, validation, net, settings }
}

impl Bench {
    fn train(
        &self,
        out: &std::path::Path,
        resume: bool,
        until: Option<u32>,
    ) -> Result<checkpoint::State, Error> {
        self.train_until(out, resume, until, &AtomicBool::new(false), &[])
    }

    fn train_until(
        &self,
        out: &std::path::Path,
        resume: bool,
        until: Option<u32>,
        stop: &AtomicBool,
        shards: &[Device],
    ) -> Result<checkpoint::State, Error> {
        let device = Device::flex();
        let place = Place { shards, stop, ..Place::new(out, &device, Path::Fused) };
        let split = Split { train: &self.train, validation: &self.validation };
        train(&self.net, &self.settings, split, place, resume, until)
    }

    fn weights(&self, out: &std::path::Path) -> Vec<u8> {
        let newest = checkpoint::resolve(out).unwrap();
        to_onnx(&checkpoint::load_net(&newest, &self.net, &Device::flex()).unwrap(), &self.net, "toy")
            .unwrap()
    }
}

fn metrics(out: &std::path::Path) -> Vec<Metric> {
    let text = std::fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn a_resumed_run_ends_with_the_same_bits() {
    let (bench, dir) = (bench(), tempfile::tempdir().unwrap());
    let (whole, halves) = (dir.path().join("whole"), dir.path().join("halves"));
    let state = bench.train(&whole, false, None).unwrap();
    assert_eq!((state.epoch, state.step), (2, 8));
    assert_eq!(bench.train(&halves, true, Some(1)).unwrap().epoch, 1);
    let first = bench.weights(&halves);
    // What a killed run may have left: a later metric, a torn line, an unfinished checkpoint.
    let torn =
        "{\"kind\":\"train\",\"step\":6,\"epoch\":1,\"rate\":0.1,\"loss\":1.0,\"speed\":1.0}\n{\"kind\":\"tr";
    let file = halves.join("metrics.jsonl");
    std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + torn).unwrap();
    std::fs::create_dir_all(halves.join("checkpoints/unfinished")).unwrap();
    let resumed = bench.train(&halves, true, None).unwrap();
    assert_eq!((resumed.step, resumed.validation), (state.step, state.validation));
    assert_eq!(bench.weights(&whole), bench.weights(&halves));
    assert_ne!(first, bench.weights(&halves));
    let steps = |out: &std::path::Path| {
        metrics(out)
            .into_iter()
            .map(|m| match m {
                Metric::Train { step, loss, .. } => (step, Some(loss), None),
                Metric::Validation { step, accuracy, .. } => (step, None, Some(accuracy)),
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(steps(&whole), steps(&halves));
}

/// Without validation nothing but the checkpoint itself reads the running statistics.
#[test]
fn resume_is_exact_without_validation_too() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.validation = Images::read(&Toy, 0..0).unwrap();
    let (whole, halves) = (dir.path().join("whole"), dir.path().join("halves"));
    bench.train(&whole, false, None).unwrap();
    bench.train(&halves, false, Some(1)).unwrap();
    bench.train(&halves, true, None).unwrap();
    assert_eq!(bench.weights(&whole), bench.weights(&halves));
}

#[test]
fn training_learns_the_toy() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.settings.schedule.epochs = 6;
    let state = bench.train(dir.path(), false, None).unwrap();
    assert!(state.validation.unwrap() > 0.8, "{:?}", state.validation);
    assert_eq!(checkpoint::list(dir.path()).unwrap().len(), 2, "older checkpoints go");
}

#[test]
fn a_run_is_not_overwritten_nor_resumed_with_other_settings() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.train(dir.path(), false, Some(0)).unwrap();
    let error = bench.train(dir.path(), false, None).unwrap_err().to_string();
    assert!(error.contains("--resume"), "{error}");
    bench.settings.batch = 6;
    let error = bench.train(dir.path(), true, None).unwrap_err().to_string();
    assert!(error.contains("batch: 5 there, 6 asked for"), "{error}");
}

#[test]
fn a_diverged_run_names_the_step_and_the_last_good_checkpoint() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.settings.schedule = Schedule { rate: 1e38, warmup: 0.0, epochs: 2, decay: Decay::Cosine };
    match bench.train(dir.path(), false, None).unwrap_err() {
        Error::Diverged { loss, step, checkpoint, .. } => {
            assert!(!loss.is_finite() && step > 0);
            assert!(checkpoint.ends_with("epoch-00000"), "{checkpoint}");
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_damaged_checkpoint_is_named() {
    let (bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.train(dir.path(), false, Some(0)).unwrap();
    let file = checkpoint::resolve(dir.path()).unwrap().join("network.bpk");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() / 2]).unwrap();
    let error = bench.train(dir.path(), true, None).unwrap_err().to_string();
    assert!(error.contains("network.bpk"), "{error}");
}

/// Ctrl-C in the middle of an epoch: the run goes on from the very step.
#[test]
fn a_stopped_run_resumes_within_the_epoch() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.settings.average = Some(0.8);
    bench.settings.clip = Some(0.5);
    let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
    bench.train(&whole, false, None).unwrap();
    for steps in 1..8 {
        let state = bench.train_until(&parts, true, None, &AtomicBool::new(true), &[]).unwrap();
        assert_eq!(state.step, steps, "one step a run");
    }
    let state = bench.train(&parts, true, None).unwrap();
    assert_eq!((state.epoch, state.within), (2, 0));
    assert_eq!(bench.weights(&whole), bench.weights(&parts));
    let read = |out: &std::path::Path| {
        let losses = metrics(out).into_iter().filter_map(|m| match m {
            Metric::Train { step, loss, .. } => Some((step, loss.to_bits())),
            Metric::Validation { .. } => None,
        });
        losses.collect::<Vec<_>>()
    };
    assert_eq!(read(&whole), read(&parts));
}

#[test]
fn the_average_lags_behind_the_weights_and_is_what_is_exported() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.train(&dir.path().join("plain"), false, None).unwrap();
    bench.settings.average = Some(0.9);
    let out = dir.path().join("average");
    bench.train(&out, false, None).unwrap();
    let newest = checkpoint::resolve(&out).unwrap();
    let trained = checkpoint::load_trained(&newest, &bench.net, &Device::flex()).unwrap();
    let trained = to_onnx(&trained.net, &bench.net, "toy").unwrap();
    assert_eq!(trained, bench.weights(&dir.path().join("plain")), "averaging changes no step");
    assert_ne!(trained, bench.weights(&out));
}

#[test]
fn the_best_epoch_is_kept() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.settings.schedule.epochs = 5;
    let state = bench.train(dir.path(), false, None).unwrap();
    let best = state.best.unwrap();
    let scores: Vec<f64> = metrics(dir.path())
        .into_iter()
        .filter_map(|m| match m {
            Metric::Validation { accuracy, .. } => Some(accuracy),
            Metric::Train { .. } => None,
        })
        .collect();
    let highest = scores.iter().copied().fold(0.0, f64::max);
    assert_eq!((scores.len(), best.score), (5, highest));
    assert_eq!(
        scores.iter().position(|s| *s == highest),
        Some(best.epoch as usize - 1),
        "the first of equals"
    );
    let kept = checkpoint::read_state(&checkpoint::resolve(&dir.path().join("best")).unwrap()).unwrap();
    assert_eq!((kept.epoch, kept.validation), (best.epoch, Some(highest)));
}

/// A folder that cannot be written stands for a full disk: the checkpoints that are there stay whole.
#[test]
fn a_checkpoint_that_cannot_be_written_costs_no_other() {
    let (bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.train(dir.path(), false, Some(1)).unwrap();
    let before = bench.weights(dir.path());
    let blocker = dir.path().join("checkpoints/unfinished");
    std::fs::write(&blocker, "a file where the scratch folder should be").unwrap();
    let error = bench.train(dir.path(), true, None).unwrap_err().to_string();
    assert!(error.contains("unfinished"), "{error}");
    assert_eq!(bench.weights(dir.path()), before);
    std::fs::remove_file(&blocker).unwrap();
    assert_eq!(bench.train(dir.path(), true, None).unwrap().epoch, 2);
}

/// Two devices with half of each batch: the mean of the gradients, whatever the order of threads.
#[test]
fn two_devices_share_a_batch() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.settings.batch = 6;
    bench.settings.schedule.epochs = 6;
    let run = |name: &str| {
        let out = dir.path().join(name);
        let state = bench.train_until(&out, false, None, &AtomicBool::new(false), &[Device::flex()]).unwrap();
        assert!(state.validation.unwrap() > 0.8, "{:?}", state.validation);
        bench.weights(&out)
    };
    assert_eq!(run("first"), run("second"));
}

#[test]
fn a_run_begins_with_the_weights_of_another() {
    let (mut bench, dir) = (bench(), tempfile::tempdir().unwrap());
    let first = dir.path().join("first");
    bench.train(&first, false, None).unwrap();
    bench.settings.from = Some(first.clone());
    let second = dir.path().join("second");
    bench.train(&second, false, Some(0)).unwrap();
    assert_eq!(bench.weights(&second), bench.weights(&first));
    bench.net.architecture = Architecture::ResNet20;
    let error = bench.train(&dir.path().join("third"), false, None).unwrap_err().to_string();
    assert!(error.contains("resnet8") && error.contains("resnet20"), "{error}");
}
