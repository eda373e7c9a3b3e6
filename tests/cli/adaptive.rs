//! Models of adaptive smoothing: compiled from two files, certified in the largest difference, replayed, shown.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use ringfence_runtime::ffi::{CModel, Status, ringfence_model_parse};
use serde_json::json;

use crate::{lines, network, ringfence, without_times};

/// A model compiled by the command, in a file of this test run.
fn model() -> &'static str {
    static MODEL: OnceLock<PathBuf> = OnceLock::new();
    let path = MODEL.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = |name: &str| folder.join(format!("{name}-{}", std::process::id()));
        let (classifier, mask) = (file("classifier.onnx"), file("mask.onnx"));
        std::fs::write(&classifier, network::onnx()).unwrap();
        std::fs::write(&mask, network::mask(network::IMAGE)).unwrap();
        let out = file("adaptive").with_extension("rfm");
        let [classifier, mask, name] = [&classifier, &mask, &out].map(|path| path.to_str().unwrap());
        let text = ringfence(&[
            "compile",
            classifier,
            "--mask",
            mask,
            "--calibrate",
            "signs",
            "--sigma",
            "0.1",
            "--budget-split",
            "0.4",
            "--images",
            "16",
            "--table",
            "two-stage:20:100:0.001",
            "-o",
            name,
        ])
        .ok();
        assert!(text.contains("mask network, of ONNX") && text.contains("L-infinity radius up to"), "{text}");
        out
    });
    path.to_str().unwrap()
}

fn certify(more: &[&str]) -> crate::Ran {
    let few = ["certify", model(), "--n0", "20", "--n", "100", "--seed", "5eed", "--max", "4"];
    ringfence(&[&few, more].concat())
}

#[test]
fn inspect_shows_both_networks() {
    let report = &lines(&ringfence(&["inspect", model(), "--json"]).ok())[0];
    let mask = &report["mask"];
    assert_eq!((&mask["sigma"], &mask["budget_split"]), (&json!(0.1), &json!(0.4)));
    // sigma / sqrt(0.4), and sigma / sqrt(0.6) under a mask of ones.
    let close = |value: &serde_json::Value, wanted: f64| (value.as_f64().unwrap() - wanted).abs() < 2e-5;
    assert!(close(&report["noise"]["sigma"], 0.158_113_9), "{report}");
    assert!(close(&mask["second_sigma"], 0.129_099_4), "{report}");
    assert_eq!(mask["layers"].as_array().unwrap().last().unwrap()["kind"], "lookup");
    assert_eq!(report["layers"].as_array().unwrap().last().unwrap()["kind"], "logits");
    assert_eq!(report["certificates"][0]["norm"], "LInf");
}

#[test]
fn certificates_are_of_the_largest_difference_and_replay() {
    let text = certify(&["--json"]).ok();
    let rows = lines(&text);
    assert_eq!(rows.len(), 5);
    let mut certified = 0;
    for row in &rows[..4] {
        assert_eq!(
            (&row["norm"], &row["sigma"], &row["unit"]),
            (&json!("LInf"), &json!(0.1), &json!("pixel"))
        );
        // Unanimous votes prove sigma PhiInv(0.001^(1/100)) / sqrt(3072) = 0.0027 pixel.
        let radius = row["radius"].as_f64().unwrap();
        assert!(radius < 0.00271, "{row}");
        certified += usize::from(radius > 0.0);
        let steps = row["radius_255"].as_f64().unwrap();
        assert!((steps / 255.0 - radius).abs() < 1e-6);
    }
    assert!(certified > 0, "{text}");
    assert_eq!(rows[4]["summary"]["norm"], "LInf");
    let runs = tempfile::tempdir().unwrap();
    let [mine, plain] =
        ["adaptive.tsv", "plain.tsv"].map(|name| runs.path().join(name).to_str().unwrap().to_owned());
    certify(&["--out", &mine]).ok();
    let table = ringfence(&["plot", &mine]).ok();
    assert!(table.starts_with("certified accuracy, %, by L-infinity radius (1/255)"), "{table}");
    let other = network::model().to_str().unwrap();
    ringfence(&[
        "certify", other, "--n0", "20", "--n", "100", "--seed", "5eed", "--max", "2", "--out", &plain,
    ])
    .ok();
    let error = ringfence(&["plot", &mine, &plain]).error(2);
    assert!(error.contains("plain: radii are L2"), "{error}");
    let stored =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("adaptive-{}.jsonl", std::process::id()));
    std::fs::write(&stored, &text).unwrap();
    let replayed =
        ringfence(&["replay", stored.to_str().unwrap(), "--threads", "1", "--backend", "scalar"]).ok();
    assert!(replayed.ends_with("4 of 4 certificates are equal bit for bit\n"), "{replayed}");
    let again = certify(&["--json", "--threads", "1", "--batch", "1", "--backend", "scalar"]).ok();
    assert_eq!(without_times(&text)[..4], without_times(&again)[..4]);
    // A radius of another norm is not the same certificate.
    std::fs::write(&stored, text.replace("\"norm\":\"LInf\"", "\"norm\":\"L2\"")).unwrap();
    let error = ringfence(&["replay", stored.to_str().unwrap()]).error(1);
    assert!(error.contains("4 of 4 certificates differ"), "{error}");
}

#[test]
fn tables_and_pictures_name_the_norm() {
    let plot = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("adaptive-{}.svg", std::process::id()));
    let text = certify(&["--plot", plot.to_str().unwrap()]).ok();
    assert!(text.contains("radius (L-infinity, 1/255)") && !text.contains("L2"), "{text}");
    let svg = std::fs::read_to_string(&plot).unwrap();
    assert!(svg.contains("certified L-infinity radius (1/255)") && !svg.contains("L2"));
    let one = ringfence(&[
        "certify",
        model(),
        "--target-radius",
        "0.001",
        "--budget",
        "100",
        "--max",
        "2",
        "--seed",
        "5eed",
    ]);
    let text = one.ok();
    assert!(text.contains("until L-infinity radius 0.001 is certified"), "{text}");
    assert!(text.contains("\tcertified\t") || text.contains("\trefuted\t"), "{text}");
    let error =
        ringfence(&["certify", model(), "--target-radius", "0.1", "--budget", "100", "--max", "1"]).error(2);
    assert!(error.contains("the largest radius that unanimous votes can prove is 0.002"), "{error}");
}

#[test]
fn predict_and_bench_work_and_other_verbs_refuse() {
    let text = ringfence(&["predict", model(), "--n", "20", "--max", "3", "--seed", "5eed", "--json"]).ok();
    assert_eq!(lines(&text)[3]["summary"]["sigma"], 0.1);
    let bench = ringfence(&["bench", model(), "--n", "10", "--seconds", "0.05", "--json"]).ok();
    assert!(lines(&bench)[0]["us_per_sample"].as_f64().unwrap() > 0.0);
    let page = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("adaptive-{}.html", std::process::id()));
    let (few, page) =
        (["profile", model(), "--n", "10,40", "--max", "3", "--seed", "5eed"], page.to_str().unwrap());
    let text = ringfence(&[&few[..], &["--target-radius", "0.001", "--html", page]].concat()).ok();
    // The usual radii and the target, in steps of 1/255.
    assert!(text.contains("certified accuracy by L-infinity radius (1/255)\ncertified, %       0    0.25   0.255     0.5       1"), "{text}");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(html.contains("\"norm\":\"LInf\"") && html.contains("mask: "), "{html}");
    let profile = &lines(&ringfence(&[&few[..], &["--json"]].concat()).ok())[0];
    // Unanimous votes of 40 prove 0.1 PhiInv(0.001^(1/40)) / sqrt(3072).
    let reach = profile["points"][1]["reach"].as_f64().unwrap();
    assert!((reach - 0.001_804_6).abs() < 0.000_001, "{reach}");
    for verb in [
        &["audit", model(), "--max", "1"][..],
        &["report", model(), "--device", "cortex-m4", "--mhz", "100"],
        &["inspect", model(), "--memory"],
        &["validate", model(), model(), "--data", "signs"],
    ] {
        let error = ringfence(verb).error(2);
        assert!(error.contains("takes models of plain smoothing only"), "{verb:?}: {error}");
    }
}

/// It knows L2 radii only.
#[test]
fn the_c_interface_refuses_such_a_model() {
    let file = std::fs::read(model()).unwrap();
    let mut parsed = MaybeUninit::<CModel>::zeroed();
    // SAFETY: the file's own bytes, and a struct of this function.
    let status = unsafe { ringfence_model_parse(file.as_ptr(), file.len(), parsed.as_mut_ptr()) };
    assert_eq!(status, Status::Adaptive);
}

#[test]
fn explain_draws_the_row() {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("row-{}.png", std::process::id()));
    let path = out.to_str().unwrap();
    let args = [
        "explain",
        model(),
        "--data",
        "signs",
        "--index",
        "3",
        "--out",
        path,
        "--seed",
        "5eed",
        "--zoom",
        "2",
    ];
    let text = ringfence(&args).ok();
    assert!(
        text.starts_with("image 3 (") && text.contains("noise of deviation 0.1581 and then 0."),
        "{text}"
    );
    let first = std::fs::read(&out).unwrap();
    let picture = image::load_from_memory(&first).unwrap().into_rgb8();
    assert_eq!((picture.width(), picture.height()), (5 * 64 + 4 * 4, 64));
    // The first panel is the image itself, the mask is grey.
    let signs = ringfence::data::open("signs", ringfence::data::Split::Test).unwrap();
    let mut chw = vec![0; 3072];
    signs.read(3, &mut chw).unwrap();
    for (i, pixel) in chw[..1024].iter().enumerate() {
        let (x, y) = (i as u32 % 32, i as u32 / 32);
        assert_eq!(picture.get_pixel(2 * x, 2 * y).0, [*pixel, chw[1024 + i], chw[2048 + i]]);
        let [r, g, b] = picture.get_pixel(2 * 68 + 2 * x, 2 * y).0;
        assert_eq!((r, r), (g, b));
    }
    ringfence(&args).ok();
    assert_eq!(std::fs::read(&out).unwrap(), first);
    let plain = network::model().to_str().unwrap();
    let error = ringfence(&["explain", plain, "--data", "signs", "--out", path]).error(2);
    assert!(error.contains("a model of plain smoothing has no mask to show"), "{error}");
}
