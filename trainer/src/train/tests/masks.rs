//! Runs with a mask: resume, frozen classifiers, what is refused.

use super::*;
use crate::export::unet_to_onnx;
use crate::methods::Choice;
use crate::nets::{Defence, Mask};
use crate::testing::Large;

/// The toy at a size that a U-net takes.
fn masked(mask: &str, method: &str, set: &[&str]) -> Bench {
    let mut bench = bench();
    bench.train = Images::read(&Large, 0..18).unwrap();
    bench.validation = Images::read(&Large, 18..24).unwrap();
    bench.net.input = [3, 16, 16];
    bench.net.mask = mask.parse().ok();
    let set: Vec<String> = set.iter().map(|s| (*s).into()).collect();
    bench.settings.method = Choice::new(method, &set).unwrap();
    bench
}

fn trained(bench: &Bench, out: &std::path::Path) -> Defence {
    let newest = checkpoint::resolve(out).unwrap();
    checkpoint::load_defence(&newest, &bench.net, &Device::flex()).unwrap()
}

/// The classifier and the mask as bytes.
fn bytes(bench: &Bench, defence: &Defence) -> [Vec<u8>; 2] {
    let net = to_onnx(&defence.net, &bench.net, "toy").unwrap();
    let mask = match &defence.mask {
        Some(Mask::UNet(net)) => unet_to_onnx(net, bench.net.input, "toy").unwrap(),
        Some(Mask::Static(mask)) => {
            mask.plane.val().into_data().iter::<f32>().flat_map(f32::to_le_bytes).collect()
        }
        None => vec![],
    };
    [net, mask]
}

#[test]
fn masked_runs_resume_within_an_epoch_with_the_same_bits() {
    for (mask, method) in [("unet:2", "ars"), ("static", "static-mask")] {
        let (mut bench, dir) = (masked(mask, method, &[]), tempfile::tempdir().unwrap());
        bench.settings.average = Some(0.8);
        let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
        bench.train(&whole, false, None).unwrap();
        for steps in 1..8 {
            let state = bench.train_until(&parts, true, None, &AtomicBool::new(true), &[]).unwrap();
            assert_eq!(state.step, steps, "one step a run");
        }
        bench.train(&parts, true, None).unwrap();
        let [expected, found] = [&whole, &parts].map(|out| bytes(&bench, &trained(&bench, out)));
        assert_eq!(expected, found);
        let first = bytes(&bench, &Defence::new(&bench.net, &Device::flex(), bench.settings.seed));
        assert!(first[0] != found[0] && first[1] != found[1], "{method}: both learn");
    }
}

#[test]
fn supervision_without_places_is_refused() {
    let (bench, dir) = (masked("unet:2", "ars", &["supervision=1"]), tempfile::tempdir().unwrap());
    let error = bench.train(dir.path(), false, None).unwrap_err().to_string();
    assert!(error.contains("--set supervision"), "{error}");
}

#[test]
fn a_static_mask_stays_between_0_and_1() {
    let (bench, dir) = (masked("static", "static-mask", &["gain=1e5"]), tempfile::tempdir().unwrap());
    bench.train(dir.path(), false, None).unwrap();
    let Some(Mask::Static(mask)) = trained(&bench, dir.path()).mask else { unreachable!() };
    let plane: Vec<f32> = mask.plane.val().into_data().iter::<f32>().collect();
    assert!(plane.iter().all(|w| (0.0..=1.0).contains(w)), "{plane:?}");
    assert!(plane.contains(&0.0) && plane.contains(&1.0), "the bounds are met: {plane:?}");
}

#[test]
fn a_frozen_classifier_keeps_every_bit() {
    let (plain, dir) = (masked("none", "gaussian", &[]), tempfile::tempdir().unwrap());
    let first = dir.path().join("plain");
    plain.train(&first, false, None).unwrap();
    let mut bench = masked("unet:2", "ars-mask", &[]);
    bench.settings.from = Some(first.clone());
    bench.settings.average = Some(0.7);
    let second = dir.path().join("mask");
    bench.train(&second, false, None).unwrap();
    let [net, mask] = bytes(&bench, &trained(&bench, &second));
    assert_eq!(net, bytes(&plain, &trained(&plain, &first))[0]);
    let newest = checkpoint::resolve(&second).unwrap();
    let moved = checkpoint::load_trained(&newest, &bench.net, &Device::flex()).unwrap();
    assert_eq!(net, bytes(&bench, &moved)[0]);
    let started = bytes(&bench, &Defence::new(&bench.net, &Device::flex(), bench.settings.seed));
    assert_ne!(mask, started[1], "the mask learns");
}

/// Files of plain runs are what they were before there were masks.
#[test]
fn plain_checkpoints_know_no_mask() {
    let (bench, dir) = (bench(), tempfile::tempdir().unwrap());
    bench.train(dir.path(), false, Some(0)).unwrap();
    let folder = checkpoint::resolve(dir.path()).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["network.bpk", "optimizer.bpk", "state.json"]);
    assert!(!std::fs::read_to_string(folder.join("state.json")).unwrap().contains("mask"));
}

#[test]
fn masks_and_methods_that_do_not_belong_together_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for (mask, method, expected) in [
        ("unet:2", "gaussian", "no mask"),
        ("none", "ars", "unet:8"),
        ("static", "ars", "unet:8"),
        ("unet:2", "static-mask", "static"),
    ] {
        let error = masked(mask, method, &[]).train(dir.path(), false, None).unwrap_err().to_string();
        assert!(error.contains(method) && error.contains(expected), "{error}");
    }
    let bench = masked("unet:2", "ars", &[]);
    bench.train(dir.path(), false, Some(0)).unwrap();
    let newest = checkpoint::resolve(dir.path()).unwrap();
    let error = checkpoint::load_net(&newest, &bench.net, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("unet:2") && error.contains("mask"), "{error}");
}

#[test]
fn votes_are_counted_and_their_winner_is_the_answer() {
    let bench = masked("unet:2", "ars", &[]);
    let defence = Defence::new(&bench.net, &Device::flex(), 3);
    let count =
        |draws| votes(&defence, &bench.net, &bench.train, (0.1, Path::Fused, draws), 1, &Device::flex());
    let (few, more) = (count(3), count(9));
    assert!(few.iter().all(|v| v.iter().sum::<u32>() == 3) && few.len() == 18);
    // The first draws are the same ones.
    assert!(few.iter().zip(&more).all(|(few, more)| few.iter().zip(more).all(|(a, b)| a <= b)));
    assert_eq!(smoothed_accuracy(&[vec![2, 5, 5], vec![1, 0, 0], vec![0, 3, 9]], &[1, 0, 1]), 2.0 / 3.0);
}
