//! Networks restored from their files: the same weights, or an error that names what is wrong.

use super::super::constants::Constants;
use super::*;
use crate::nets::{Defence, Mask, MaskSpec, NetSpec};
use crate::train::Settings;
use crate::train::checkpoint::{self, State};
use std::fs;
use std::path::{Path, PathBuf};

/// Writes the file, its card and its mask's file as `export` does.
fn export(folder: &Path, spec: &NetSpec, defence: &Defence) -> PathBuf {
    let file = folder.join("tiny.onnx");
    let bytes = to_onnx(&defence.net, spec, "tiny").unwrap();
    fs::write(&file, &bytes).unwrap();
    let state = State::new(spec, &Settings::usual("toy", 3));
    let mut card = Card::new("tiny", &bytes, &state, 1, None);
    if let Some(bytes) = mask_bytes(defence, spec) {
        fs::write(folder.join("tiny-mask.onnx"), &bytes).unwrap();
        card = card.with_mask("tiny", &bytes, 1);
    }
    card.write(&file.with_extension("json")).unwrap();
    file
}

fn mask_bytes(defence: &Defence, spec: &NetSpec) -> Option<Vec<u8>> {
    defence.mask.as_ref().map(|mask| match mask {
        Mask::UNet(net) => unet_to_onnx(net, spec.input, "tiny-mask").unwrap(),
        Mask::Static(mask) => plane_to_onnx(mask, spec.input, "tiny-mask").unwrap(),
    })
}

fn perturbed(spec: &NetSpec) -> Defence {
    let defence = Defence::new(spec, &Device::flex(), 9);
    defence.map(&mut Perturb(Normals::new(stream(1, Stream::Weights))))
}

fn change(card: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(card).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(card, text.replace(from, to)).unwrap();
}

#[test]
fn every_network_comes_back_from_its_file_and_from_the_checkpoint_of_it() {
    let masks = [None, Some(MaskSpec::Static), Some(MaskSpec::UNet { base: 4, split: 0.3 })];
    let plain = SMALL.map(|(net, input)| (spec(net, input, "none"), None));
    let masked = masks.map(|mask| (spec("resnet8", [3, 16, 24], "none"), mask));
    for (spec, mask) in plain.into_iter().chain(masked) {
        let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
        let spec = NetSpec { mask, ..spec };
        let defence = perturbed(&spec);
        let file = export(folder.path(), &spec, &defence);
        let (state, restored) = restore(&file, &device).unwrap();
        assert_eq!(state.net, spec);
        let run = folder.path().join("run");
        checkpoint::save_net(&run, &state, &restored).unwrap();
        assert_eq!(checkpoint::read_state(&run).unwrap(), state);
        for found in [restored, checkpoint::load_defence(&run, &spec, &device).unwrap()] {
            assert_eq!(to_onnx(&found.net, &spec, "tiny").unwrap(), fs::read(&file).unwrap());
            assert_eq!(mask_bytes(&found, &spec), mask_bytes(&defence, &spec));
        }
        let error = checkpoint::save_net(&run, &state, &defence).unwrap_err().to_string();
        assert!(error.contains("already there"), "{error}");
    }
}

#[test]
fn files_that_do_not_fit_are_named() {
    let (folder, device) = (tempfile::tempdir().unwrap(), Device::flex());
    let spec = spec("resnet8", [3, 8, 8], "none");
    let error = |file: &Path| restore(file, &device).unwrap_err().to_string();
    assert!(error(&folder.path().join("none.onnx")).contains("none.json"));

    let file = export(folder.path(), &spec, &perturbed(&spec));
    let card = file.with_extension("json");
    for (from, to, expected) in [
        (
            "\"resnet8\"",
            "\"resnet20\"",
            "\"block1.first.weight\": extents [32, 16, 3, 3], expected floats of extents [16, 16, 3, 3]",
        ),
        ("\"resnet8\"", "\"madry-mnist\"", "\"stage0.0.weight\": none"),
        ("\"mean\"", "\"middle\"", "mean"),
        ("\"seed\"", "\"mask\": {\"kind\": \"static\"}, \"seed\"", "no mask_network"),
        ("\"seed\"", "\"quantised\": {}, \"seed\"", "float network"),
    ] {
        let before = fs::read(&card).unwrap();
        change(&card, from, to);
        let text = error(&file);
        assert!(text.contains("tiny.") && text.contains(expected), "{to}: {text}");
        fs::write(&card, before).unwrap();
    }
    let mut bytes = fs::read(&file).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&file, bytes).unwrap();
    assert!(error(&file).contains("SHA-256"), "{}", error(&file));
}

#[test]
fn every_shipped_network_can_be_restored() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut count = 0;
    for entry in fs::read_dir(models).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|e| e != "onnx") || file.to_string_lossy().ends_with("-mask.onnx") {
            continue;
        }
        let (state, defence) = restore(&file, &Device::flex()).unwrap();
        let again = to_onnx(&defence.net, &state.net, "again").unwrap();
        let read = |bytes: &[u8]| Constants::read(&file, bytes).unwrap();
        assert_eq!(read(&again), read(&fs::read(&file).unwrap()), "{}", file.display());
        count += 1;
    }
    assert!(count >= 8, "{count}");
}
