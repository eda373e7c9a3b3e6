//! Schedules, resume, divergence and metrics on a toy data set.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::data::{Augmentation, Images, moments};
use crate::error::Error;
use crate::export::to_onnx;
use crate::nets::{Architecture, NetSpec, Path};
use crate::noise::NoiseSpec;
use crate::testing::Toy;
use burn::tensor::Device;
use ringfence::data::Dataset;

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
        let place = Place { out, device: &Device::flex(), path: Path::Fused, progress: false };
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
