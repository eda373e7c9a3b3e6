//! The command line: what it prints, and its errors for bad input.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Command, Output};

fn trainer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ringfence-trainer")).args(arguments).output().unwrap()
}

/// The one line on stderr of a command that must fail.
fn error(arguments: &[&str]) -> String {
    let output = trainer(arguments);
    assert!(!output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with("error: ") && !text.contains("panicked"), "{text}");
    text
}

const TRAIN: [&str; 9] = ["train", "--net", "resnet8", "--data", "signs", "--sigma", "0.25", "--epochs", "1"];

fn train_with(extra: &[&str]) -> Vec<String> {
    TRAIN.iter().chain(extra).map(|s| (*s).to_owned()).collect()
}

#[test]
fn help_of_every_verb_has_examples() {
    for verb in ["train", "evaluate", "export", "baseline"] {
        let text = String::from_utf8(trainer(&[verb, "--help"]).stdout).unwrap();
        assert!(text.contains("Examples:") && text.contains("--device"), "{text}");
    }
}

#[test]
fn bad_arguments_are_explained() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().to_str().unwrap();
    let missing = format!("cifar10:{out}/nothing");
    let cases: [(&[&str], &str); 10] = [
        (&["--out", out, "--device", "tpu"], "expected cpu, cuda or cuda:INDEX"),
        (&["--out", out, "--validation", "99999999"], "--validation 99999999"),
        (&["--out", out, "--batch", "0"], "--batch"),
        (&["--out", out, "--images", "49001"], "49000 that are not held out"),
        (&["--out", out, "--images", "0"], "--images"),
        (&["--out", out, "--noise", "cni-w+pni"], "pni-w-GRAIN"),
        (&["--out", out, "--sigma", "-1"], "--sigma"),
        (&["--out", out, "--sigma", "NaN"], "--sigma"),
        (&["--out", out, "--momentum", "1"], "--momentum"),
        (&["--out", out, "--lr", "0"], "--lr"),
    ];
    for (extra, expected) in cases {
        let mut arguments = train_with(extra);
        // A repeated option replaces the first one of TRAIN.
        if extra[2] == "--sigma" {
            let at = arguments.iter().position(|a| a == "--sigma").unwrap();
            arguments.drain(at..at + 2);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let text = error(&arguments);
        assert!(text.contains(expected), "{extra:?}: {text}");
    }
    let bad_data =
        ["train", "--net", "resnet8", "--data", &missing, "--sigma", "0", "--epochs", "1", "--out", out];
    assert!(error(&bad_data).contains("nothing"));
    let unknown = error(&["train", "--net", "resnet9"]);
    assert!(unknown.contains("resnet9") && unknown.contains("wrn-DEPTH-WIDTH"), "{unknown}");
    let method = error(&[
        "train", "--net", "resnet8", "--data", "signs", "--epochs", "1", "--out", out, "--method", "x",
    ]);
    assert!(method.contains("consistency") && method.contains("trades"), "{method}");
    let preset = error(&["train", "--data", "signs", "--out", out, "--preset", "x"]);
    assert!(preset.contains("cohen-s050"), "{preset}");
}

#[test]
fn attacks_are_listed() {
    let text = String::from_utf8(trainer(&["attacks"]).stdout).unwrap();
    assert!(
        text.lines().count() >= 15 && text.contains("apgd-t") && text.contains("arXiv:1608.04644"),
        "{text}"
    );
}

#[test]
fn methods_are_listed_for_people_and_machines() {
    let text = String::from_utf8(trainer(&["methods"]).stdout).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&trainer(&["methods", "--json"]).stdout).unwrap();
    let methods = json["methods"].as_array().unwrap();
    assert!(methods.len() >= 19 && json["presets"].as_array().is_some_and(|p| p.len() >= 20));
    for method in methods {
        let name = method["name"].as_str().unwrap();
        assert!(text.contains(&format!("\n{name} ")), "{name}");
        assert!(method["cost"].as_f64().is_some_and(|cost| cost >= 1.0) && !method["paper"].is_null());
    }
}

#[test]
fn a_folder_without_checkpoint_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    for arguments in [vec!["evaluate", path], vec!["export", path, "-o", "x.onnx", "--no-accuracy"]] {
        let text = error(&arguments);
        assert!(text.contains(path) && text.contains("no checkpoint"), "{text}");
    }
    assert!(error(&["export", path, "-o", "x.rfm"]).contains("NAME.onnx"));
}

/// A file that may be exported from: zero epochs of `mnist` pixels would need files, so a run is
/// made by hand of 20 records of CIFAR-10's format.
fn tiny_cifar(folder: &Path) {
    let record = |i: u8| {
        std::iter::once(i % 10).chain((0..3072).map(move |p| (p as u8).wrapping_mul(i))).collect::<Vec<u8>>()
    };
    let bytes: Vec<u8> = (0..20).flat_map(record).collect();
    for name in (1..=5).map(|i| format!("data_batch_{i}.bin")).chain(["test_batch.bin".to_owned()]) {
        std::fs::write(folder.join(name), &bytes).unwrap();
    }
}

/// A run of one epoch in `folder`; its folder.
fn tiny_run(folder: &Path) -> String {
    tiny_cifar(folder);
    let data = format!("cifar10:{}", folder.display());
    let run = folder.join("run").to_str().unwrap().to_owned();
    let arguments = ["train", "--net", "resnet8", "--data", &data, "--sigma", "0.25", "--epochs", "1"];
    let rest = ["--validation", "10", "--batch", "32", "--threads", "1", "--out", &run];
    let trained = trainer(&[&arguments[..], &rest].concat());
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    run
}

#[test]
fn attacks_write_what_they_leave() {
    let dir = tempfile::tempdir().unwrap();
    let run = &tiny_run(dir.path())[..];
    let file = dir.path().join("attack.json");
    let sheet = dir.path().join("sheet.png");
    let attacked = trainer(&[
        "attack",
        run,
        "--max",
        "20",
        "--attacks",
        "fgsm,deepfool,square",
        "--epsilon",
        "1/255,16/255",
        "--json",
        file.to_str().unwrap(),
        "--sheet",
        sheet.to_str().unwrap(),
    ]);
    assert!(attacked.status.success(), "{}", String::from_utf8_lossy(&attacked.stderr));
    assert!(!dir.path().join("attack.json.partial").exists());
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!((&report["schema"], &report["images"]), (&"ringfence.attack/2".into(), &20.into()));
    let outcomes = report["outcomes"].as_array().unwrap();
    for outcome in outcomes {
        let lines = outcome["lines"].as_array().unwrap();
        let left: Vec<f64> = lines.iter().map(|l| l["accuracy"].as_f64().unwrap()).collect();
        assert!(left.len() == 3 && left.windows(2).all(|w| w[1] <= w[0]), "{left:?}");
        let number = |name: &str| outcome[name].as_f64().unwrap();
        assert!(left[0] <= number("clean") && number("robust") <= left[2]);
        for (value, interval) in [("clean", "clean_interval"), ("robust", "robust_interval")] {
            let ends = outcome[interval].as_array().unwrap();
            let [low, high] = [0, 1].map(|i| ends[i].as_f64().unwrap());
            assert!(low <= number(value) && number(value) <= high && high - low > 0.1, "{interval}");
        }
    }
    assert!(outcomes[1]["robust"].as_f64() <= outcomes[0]["robust"].as_f64());
    assert!(outcomes[0]["lines"][1]["cost"].is_object() && outcomes[1]["lines"][1]["cost"].is_null());
    assert_eq!(report["per_image"].as_array().unwrap().len(), 20);
    let text = String::from_utf8(attacked.stdout).unwrap();
    assert!(text.contains("worst case") && text.contains(" to ") && text.contains("sheet.png"), "{text}");
    let rows = text.lines().filter(|l| l.starts_with("  image ")).count();
    assert_eq!(sheet.exists(), rows > 0, "{text}");
    let smoothed =
        ["attack", run, "--max", "4", "--attacks", "pgd-7", "--sigma", "0.1", "--draws", "2", "--votes", "5"];
    let text = trainer(&smoothed).stdout;
    assert!(String::from_utf8_lossy(&text).contains("worst case"));
    assert_eq!(text, trainer(&smoothed).stdout, "the seed decides");
    assert!(error(&["attack", run, "--sigma", "-1"]).contains("--sigma -1"));
    assert!(error(&["attack", run, "--attacks", "x"]).contains("apgd-ce"));
    assert!(error(&["attack", run, "--suite", "x"]).contains("standard"));
    assert!(error(&["attack", run, "--suite", "quick", "--attacks", "fgsm"]).contains("cannot be used"));
    assert!(error(&["attack", run, "--attacks", "nattack", "--norm", "l2"]).contains("works in linf"));
    assert!(error(&["attack", run, "--epsilon", "8/255,0"]).contains("--epsilon 0"));
    assert!(error(&["attack", run, "--resume"]).contains("--json"));
    assert!(error(&["attack", run, "--attacks", "transfer"]).contains("--source"));
    assert!(error(&["attack", run, "--attacks", "substitute"]).contains("150 more to start from"));
    let transferred =
        trainer(&["attack", run, "--max", "4", "--attacks", "transfer,ensemble", "--source", run]);
    assert!(transferred.status.success(), "{}", String::from_utf8_lossy(&transferred.stderr));
}

/// A report that cannot be put in its place leaves its progress; what is cut from that is done again.
#[test]
fn attacks_go_on_where_they_were_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let run = &tiny_run(dir.path())[..];
    let [whole, blocked] = ["whole.json", "blocked.json"].map(|name| dir.path().join(name));
    let attack = |file: &Path, more: &[&str]| {
        let to = file.to_str().unwrap();
        let arguments =
            ["attack", run, "--attacks", "fgsm,deepfool", "--epsilon", "1/255,8/255", "--json", to];
        trainer(&[&arguments[..], more].concat())
    };
    let uninterrupted = attack(&whole, &[]);
    assert!(uninterrupted.status.success(), "{}", String::from_utf8_lossy(&uninterrupted.stderr));
    std::fs::create_dir(&blocked).unwrap();
    assert!(!attack(&blocked, &[]).status.success());
    std::fs::remove_dir(&blocked).unwrap();
    let partial = dir.path().join("blocked.json.partial");
    let text = std::fs::read(&partial).unwrap();
    let fails = |more: &[&str], expected: &str| {
        let output = attack(&blocked, more);
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && text.contains(expected), "{more:?}: {text}");
    };
    fails(&[], "--resume");
    fails(&["--resume", "--seed", "7"], "seed is 1, not 7");
    std::fs::write(&partial, &text[..2 * text.len() / 3]).unwrap();
    let resumed = attack(&blocked, &["--resume"]);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    assert_eq!(std::fs::read(&blocked).unwrap(), std::fs::read(&whole).unwrap());
    assert_eq!(resumed.stdout, uninterrupted.stdout);
    assert!(!partial.exists());
}

#[test]
fn train_evaluate_and_export_work_together() {
    let dir = tempfile::tempdir().unwrap();
    let run = &tiny_run(dir.path())[..];
    let scored = trainer(&["evaluate", run, "--max", "8"]);
    let report: serde_json::Value = serde_json::from_slice(&scored.stdout).unwrap();
    assert_eq!((&report["images"], &report["epoch"]), (&8.into(), &1.into()));
    assert!(report["noisy"]["accuracy"].as_f64().is_some_and(|a| (0.0..=1.0).contains(&a)));
    let file = dir.path().join("tiny.onnx");
    let exported = trainer(&["export", run, "-o", file.to_str().unwrap()]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let text = std::fs::read_to_string(file.with_extension("json")).unwrap();
    assert!(!text.contains(dir.path().to_str().unwrap()), "a card tells nothing of the machine: {text}");
    let card: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        card["sha256"].as_str().unwrap(),
        ringfence_trainer::export::sha256(&std::fs::read(&file).unwrap())
    );
    let command = card["command"].as_str().unwrap();
    assert!(command.contains("--data cifar10:DIR") && command.contains("--epochs 1"), "{command}");
    assert_eq!((&card["parameters"], &card["test"]["images"]), (&78_042.into(), &20.into()));
    diagnosed(run, &std::fs::read(&file).unwrap(), dir.path());
}

/// A run with a mask: what it says, and what other verbs say to it.
#[test]
fn masked_runs_are_evaluated_and_exported_as_two_files() {
    let dir = tempfile::tempdir().unwrap();
    let run = &masked_run(dir.path(), "ars", &["--mask", "unet:2", "--budget-split", "0.4"])[..];
    let scored = trainer(&["evaluate", run, "--max", "8", "--votes", "3"]);
    let report: serde_json::Value = serde_json::from_slice(&scored.stdout).unwrap();
    assert_eq!((&report["smoothed"]["votes"], &report["sigma"]), (&3.into(), &0.25.into()));
    assert!(report["smoothed"]["accuracy"].as_f64().is_some_and(|a| (0.0..=1.0).contains(&a)));
    let file = dir.path().join("tiny.onnx");
    let exported = trainer(&["export", run, "-o", file.to_str().unwrap()]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    let card: serde_json::Value =
        serde_json::from_slice(&std::fs::read(file.with_extension("json")).unwrap()).unwrap();
    let mask = std::fs::read(dir.path().join("tiny-mask.onnx")).unwrap();
    assert_eq!(card["mask_network"]["sha256"], ringfence_trainer::export::sha256(&mask));
    assert_eq!(card["mask_network"]["file"], "tiny-mask.onnx");
    let command = card["command"].as_str().unwrap();
    assert!(
        command.contains("--mask unet:2 --budget-split 0.4") && command.contains("--method ars"),
        "{command}"
    );
    for verb in ["attack", "diagnose"] {
        assert!(error(&[verb, run]).contains("unet:2"), "{verb} takes plain networks");
    }
    let (fixed, file) = (masked_run(dir.path(), "static-mask", &[]), dir.path().join("fixed.onnx"));
    let output = trainer(&["export", &fixed, "--no-accuracy", "-o", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(dir.path().join("fixed-mask.onnx").exists());
    let baseline = ["baseline", &fixed, "--max", "3", "--n0", "8", "--n", "40", "--certificate"];
    let output = trainer(&[&baseline[..], &["cohen"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(error(&[&baseline[..], &["unicr"]].concat()).contains("--mask static"));
}

fn masked_run(folder: &Path, method: &str, more: &[&str]) -> String {
    tiny_cifar(folder);
    let (data, out) = (format!("cifar10:{}", folder.display()), folder.join(method).display().to_string());
    let common = ["train", "--net", "resnet8", "--data", &data, "--sigma", "0.25", "--epochs", "1"];
    let rest = ["--validation", "5", "--batch", "16", "--method", method, "--out", &out];
    let trained = trainer(&[&common[..], &rest, more].concat());
    assert!(trained.status.success(), "{}", String::from_utf8_lossy(&trained.stderr));
    out
}

#[test]
fn baselines_certify_and_say_by_what() {
    let dir = tempfile::tempdir().unwrap();
    let run = &tiny_run(dir.path())[..];
    for (certificate, more) in [
        ("cohen", &[][..]),
        ("unicr", &["--beta", "3"]),
        ("input-dependent", &["--rate", "0.01", "--points", "10", "--neighbours", "3"]),
    ] {
        let common = ["baseline", run, "--certificate", certificate, "--max", "3", "--n0", "8", "--n", "40"];
        let output = trainer(&[&common[..], more].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&report["certificate"]["name"], &report["images"]), (&certificate.into(), &3.into()));
        let at = |radius: &str| report["certified_accuracy"][radius].as_f64().unwrap();
        assert!(at("0/255") >= at("1/255") && at("1/255") >= at("4/255"));
    }
    assert!(error(&["baseline", run, "--certificate", "unicr", "--beta", "0.5"]).contains("--beta 0.5"));
    assert!(error(&["baseline", run, "--certificate", "cohen", "--alpha", "0"]).contains("alpha"));
}

/// All checks run, on an integer twin and a source of transfer too.
fn diagnosed(run: &str, onnx: &[u8], folder: &Path) {
    use ringfence::compile::{Options, compile};
    let data = format!("cifar10:{}", folder.display());
    let images = ringfence::data::open(&data, ringfence::data::Split::Train).unwrap();
    let options = Options { images: 10, tables: vec![], ..Options::new(0.25) };
    let rfm = folder.join("tiny.rfm");
    std::fs::write(&rfm, compile(onnx, "tiny", images.as_ref(), &options).unwrap()).unwrap();
    let file = folder.join("findings.json");
    let [rfm, json] = [&rfm, &file].map(|p| p.to_str().unwrap());
    let found =
        trainer(&["diagnose", run, "--max", "4", "--rfm", rfm, "--source", run, "--json", json, "--strict"]);
    let text = String::from_utf8(found.stdout).unwrap();
    assert!(text.contains("accuracy to quote"), "{text}{}", String::from_utf8_lossy(&found.stderr));
    let report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    let findings = report["findings"].as_array().unwrap();
    let named = |id: &str| findings.iter().find(|f| f["id"] == id).unwrap();
    assert_eq!(findings.len(), 16);
    let failed = findings.iter().any(|f| f["verdict"] == "fail");
    assert_eq!(found.status.code(), Some(if failed { 1 } else { 0 }), "{text}");
    // Crafted on the very same network, transfer is the white box.
    assert_eq!(named("D13")["verdict"], "warn");
    assert_eq!(named("D17")["evidence"]["share of equal classes"], 1.0);
    assert_eq!((&report["images"], &report["schema"]), (&4.into(), &"ringfence.diagnosis/1".into()));
    assert!(error(&["diagnose", run, "--rfm", "none.rfm"]).contains("none.rfm"));
    audited(run, rfm, &data);
    assert!(error(&["attack", run, "--rfm", json]).contains(json));
}

/// Certificates of the compiled model are attacked with the gradients of the checkpoint.
fn audited(run: &str, rfm: &str, data: &str) {
    let audit = |more: &[&str]| {
        let common =
            ["audit", rfm, "--network", run, "--data", data, "--max", "3", "--n0", "20", "--n", "50"];
        let effort = ["--queries", "20", "--draws", "2", "--seed", "5eed", "--json"];
        trainer(&[&common[..], &effort, more].concat())
    };
    let output = audit(&["--attacks", "smoothadv-pgd,epgd"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let summary: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let searches = summary["summary"]["settings"]["searches"].as_array().unwrap();
    let names: Vec<&str> = searches.iter().map(|s| s.as_str().unwrap().split(' ').next().unwrap()).collect();
    assert_eq!(names, ["smoothadv-pgd", "epgd", "square", "boundary", "climb"]);
    let refused = String::from_utf8(audit(&["--attacks", "x"]).stderr).unwrap();
    assert!(refused.contains("smoothadv-ddn"), "{refused}");
    assert!(error(&["audit", "--network", run]).contains(".rfm"));
}
